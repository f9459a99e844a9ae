#!/bin/sh
# SPDX-License-Identifier: MIT
# Tokens of SoftHSM for the tests:
#   make_token.sh FOLDER PKI
# in FOLDER, with softhsm2.conf in it. PIN 1234. PKI is the folder of make_pki.sh.
set -eu

module=/usr/lib/softhsm/libsofthsm2.so
mkdir -p "$1/tokens"
cd "$1"
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$PWD" >softhsm2.conf
export SOFTHSM2_CONF="$PWD/softhsm2.conf"

# LABEL
token() {
	softhsm2-util --init-token --free --label "$1" --pin 1234 --so-pin 4321
}

# TOKEN LABEL ID KEY [CERT]
put() {
	openssl pkcs8 -topk8 -nocrypt -in "$4" -out put.p8
	softhsm2-util --import put.p8 --token "$1" --label "$2" --id "$3" --pin 1234
	test -n "${5:-}" || return 0
	openssl x509 -in "$5" -outform DER -out put.der
	pkcs11-tool --module "$module" --login --pin 1234 --token-label "$1" --write-object put.der \
		--type cert --label "$2" --id "$3"
}

token one
token other
token twin
token twin
put one rsa 01 "$2/rsa.key" "$2/rsa.pem"
put one ec 02 "$2/ec.key" "$2/ec.pem"
put one 'odd name;?%' 03ff00 "$2/chained.key" "$2/chained.pem"
put one same 04 "$2/ec.key" "$2/ec.pem"
put one same 05 "$2/rsa.key" "$2/rsa.pem"
put one bare 06 "$2/self.key"
put other ec 02 "$2/self.key" "$2/self.pem"

# A key of an elliptic curve that may open, not only sign.
openssl pkey -in "$2/ec.key" -outform DER -out put.der
pkcs11-tool --module "$module" --login --pin 1234 --token-label one --write-object put.der --type privkey \
	--label opens --id 07 --usage-derive
rm -f put.p8 put.der
