// SPDX-License-Identifier: MIT
// grammar.js FOLDER FILE...: one line for each place that BitBake's grammar does not understand.
const fs = require('fs');
const path = require('path');

(async () => {
    const [folder, ...files] = process.argv.slice(2);
    const Parser = require(path.join(folder, 'web-tree-sitter/tree-sitter.js'));
    await Parser.init();
    const parser = new Parser();
    parser.setLanguage(await Parser.Language.load(path.join(folder, 'language-server-bitbake/tree-sitter-bitbake.wasm')));
    for (const file of files) {
        const look = node => {
            if (node.isError || node.isMissing) {
                const text = node.text.split('\n')[0].slice(0, 60);
                console.log(`${file}:${node.startPosition.row + 1}: ${node.isMissing ? `missing ${node.type}` : `not understood: ${text}`}`);
            } else if (node.hasError) {
                node.children.forEach(look);
            }
        };
        look(parser.parse(fs.readFileSync(file, 'utf8')).rootNode);
    }
    console.log(`parsed ${files.length}`);
})();
