# SPDX-License-Identifier: MIT
"""tool/check_floors.py against small trees with one planted breach each."""

import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
CLEAN = {
    "src/base/fd.h": "bool fd_close(int fd);\n",
    "src/base/fd.c": '#include "base/fd.h"\n#include <unistd.h>\n\nstatic const int tries = 3;\n',
    "src/model/slot.h": "typedef struct Slot Slot;\ntypedef struct SlotState SlotState;\nSlot *slot_new(void);\n"
                        "void slot_state_free(SlotState *state);\n",
    "src/model/slot.c": '#include "model/slot.h"\n#include "base/error.h"\n/* goto printf( abort( */\n',
    "src/crypto/sign.c": "#include <openssl/cms.h>\n",
    "src/base/process.c": "static int start(void)\n{\n\treturn fork();\n}\n",
    "src/cli/mark.c": '#include "system/mark.h"\n#include <gio/gio.h>\nvoid f(void)\n{\n\tg_print("x");\n}\n',
    "src/squashfs/codec_xz.c": "#include <lzma.h>\n",
    "src/main.c": '#include "cli/command.h"\n',
    "test/base/fd.c": "", "test/model/slot.c": "", "test/crypto/sign.c": "", "test/base/process.c": "",
    "test/squashfs/codec.c": "", "test/flow/test_mark.py": "",
    "fuzz/slot.c": '#include "cli/command.h"\nint main(void) { goto out; }\n',
}

BREACHES = [
    # what is planted, where, what is said
    ("upward", "src/base/fd.c", '#include "model/slot.h"\n', "base/ must not know model/"),
    ("neighbour", "src/model/slot.c", '#include "crypto/sign.h"\n', "model/ must not know crypto/"),
    ("doors", "src/cli/mark.c", '#include "service/job.h"\n', "cli/ must not know service/"),
    ("no folder", "src/model/slot.c", '#include "slot.h"\n', 'say "model/slot.h"'),
    ("no floor", "src/util/x.c", "", "util/ has no floor"),
    ("openssl", "src/model/slot.c", "#include <openssl/evp.h>\n", "<openssl/evp.h> belongs to crypto/"),
    ("codec", "src/base/fd.c", "#include <zstd.h>\n", "<zstd.h> belongs to squashfs/"),
    ("json", "src/base/fd.c", "#include <json-glib/json-glib.h>\n", "belongs to cli/, service/"),
    ("gio", "src/base/fd.c", "# include <gio/gio.h>\n", "belongs to cli/, service/"),
    ("file in a value", "src/model/slot.c", '#include "base/file.h"\n', "no base/file.h"),
    ("spawn", "src/base/fd.c", "int f(void)\n{\n\treturn g_spawn_sync(0);\n}\n", "g_spawn_sync: only base/process spawns"),
    ("system", "src/cli/mark.c", 'int f(void)\n{\n\treturn system("ls");\n}\n', "system: only base/process spawns"),
    ("execvp", "src/cli/mark.c", "int f(void)\n{\n\treturn execvp(a, b);\n}\n", "execvp: only base/process"),
    ("printf", "src/base/fd.c", 'void f(void)\n{\n\tprintf("x");\n}\n', "printf: only cli/ writes to stdout"),
    ("stdout", "src/base/fd.c", "void f(void)\n{\n\tfputs(a, stdout);\n}\n", "stdout: only cli/"),
    ("goto", "src/base/fd.c", "void f(void)\n{\n\tgoto out;\n}\n", "goto: no goto"),
    ("abort", "src/cli/mark.c", "void f(void)\n{\n\tabort();\n}\n", "abort: nothing outside"),
    ("g_error", "src/cli/mark.c", 'void f(void)\n{\n\tg_error("x");\n}\n', "g_error: nothing outside"),
    ("clock", "src/model/slot.c", "int f(void)\n{\n\treturn time(NULL);\n}\n", "model/ does not ask the clock"),
    ("global", "src/base/fd.c", "static int n_open;\n", "n_open: nothing global is mutable"),
    ("global array", "src/base/fd.c", "static char name[20];\n", "name: nothing global is mutable"),
    ("global in a function", "src/base/fd.c", "void f(void)\n{\n\tstatic gsize once = 0;\n}\n", "once: nothing global"),
    ("file length", "src/base/fd.c", "int x;\n" * 600, "604 lines, at most 600"),
    ("header length", "src/base/fd.h", "\n" * 120, "121 lines, at most 120"),
    ("function length", "src/base/fd.c", "void f(void)\n{\n" + "\tx();\n" * 61 + "}\n", "function of 61 lines, at most 60"),
    ("name", "src/model/slot.h", "void device_free(int x);\n", "device_free() should begin with slot_"),
    ("no test", "src/model/group.c", "", "no test/model/group.c"),
    ("no flow", "src/cli/install.c", "", "no test/cli/install.c"),
]


def plant(folder, name=None, text=""):
    tree = dict(CLEAN)
    if name:
        tree[name] = tree.get(name, "") + text
    for path, content in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)


def check(folder):
    return subprocess.run(["/usr/bin/python3", TOP / "tool" / "check_floors.py", folder],
                          capture_output=True, text=True, timeout=60)


def test_clean(tmp_path):
    plant(tmp_path)
    said = check(tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == "every floor holds: 9 files\n"


@pytest.mark.parametrize("name, text, words", [b[1:] for b in BREACHES], ids=[b[0] for b in BREACHES])
def test_breach(tmp_path, name, text, words):
    plant(tmp_path, name, text)
    said = check(tmp_path)
    assert said.returncode == 1
    assert said.stdout.splitlines()[0].startswith(str(tmp_path / name)), said.stdout
    assert words in said.stdout


def test_nothing_there(tmp_path):
    said = check(tmp_path)
    assert said.returncode == 1 and "no C files" in said.stdout
