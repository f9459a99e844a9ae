#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a small certificate authority and one signing certificate for update
# bundles, in ./openssl-ca/. Nothing that exists is ever overwritten.
set -eu
umask 077

usage() {
	cat <<'END'
Usage: openssl-ca.sh [OPTION...]

Makes a certificate authority and a signing certificate for update bundles,
below the current folder:

  openssl-ca/dev/private/development-1.key.pem   signs bundles     RAUC_KEY_FILE
  openssl-ca/dev/development-1.cert.pem          its certificate   RAUC_CERT_FILE
  openssl-ca/dev/ca.cert.pem                     goes on devices   RAUC_KEYRING_FILE
  openssl-ca/dev/private/ca.key.pem              signs certificates: keep it off line
  openssl-ca/dev/crl.pem                         revocation list, empty at first

Options:
  --key-type rsa|ec   RSA with 3072 bits (default) or ECDSA on P-256
  --days N            life of the signing certificate and of the revocation list
                      (default 3650); the CA lives as long again
  --org NAME          organisation in the certificates (default "Development")
  --start DATE        first day of validity, YYYY-MM-DD (default: now); an early
                      date helps devices that boot without a clock
  -h, --help          this text

The keys are not protected by a passphrase. For a product keep them in a secrets
manager or an HSM, and plan the change of certificate before this one expires: a
bundle signed with the old certificate brings the new keyring to the devices.
END
}

die() {
	echo "openssl-ca.sh: $*" >&2
	exit 1
}

key_type=rsa
days=3650
org=Development
start=

while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit 0
		;;
	--key-type | --days | --org | --start)
		[ $# -ge 2 ] || die "$1 needs a value; see --help"
		case $1 in
		--key-type) key_type=$2 ;;
		--days) days=$2 ;;
		--org) org=$2 ;;
		--start) start=$2 ;;
		esac
		shift 2
		;;
	*) die "unknown argument '$1'; see --help" ;;
	esac
done

case $key_type in
rsa) set -- -algorithm RSA -pkeyopt rsa_keygen_bits:3072 ;;
ec) set -- -algorithm EC -pkeyopt ec_paramgen_curve:P-256 ;;
*) die "--key-type '$key_type' is neither 'rsa' nor 'ec'" ;;
esac
case $days in
'' | *[!0-9]* | 0* | ??????*) die "--days '$days' is not a number of days from 1 to 99999" ;;
esac
case $org in
'' | *[!A-Za-z0-9\ ._-]*) die "--org '$org' may contain letters, digits, blanks and . _ - only" ;;
esac
case $start in
'') ;;
[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9])
	start=$(echo "$start" | tr -d -)000000Z
	;;
*) die "--start '$start' is not a date of the form YYYY-MM-DD" ;;
esac
command -v openssl >/dev/null || die "the program 'openssl' is not installed"
if [ -e openssl-ca ] || [ -L openssl-ca ]; then
	die "openssl-ca exists already in $(pwd); nothing was changed (move it away to make a new one)"
fi
[ -w . ] || die "the current folder $(pwd) is not writable"

tmp=$(mktemp -d ./.openssl-ca.XXXXXX) || die "cannot make a temporary folder in $(pwd)"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# openssl talks a lot; only its complaints matter
quiet() {
	"$@" 2>"$tmp/log" >/dev/null || die "openssl failed: $(grep -v '^Using configuration' "$tmp/log" | tail -n 1)"
}

dev=$tmp/openssl-ca/dev
mkdir -p "$dev/private" "$dev/certs"
: >"$dev/index.txt"
echo 01 >"$dev/crlnumber"
cat >"$dev/openssl.cnf" <<'END'
# Use it inside this folder, e.g. to revoke the signing certificate:
#   openssl ca -config openssl.cnf -revoke development-1.cert.pem
#   openssl ca -config openssl.cnf -gencrl -crldays 3650 -out crl.pem
[ca]
default_ca = dev

[dev]
dir = .
database = $dir/index.txt
crlnumber = $dir/crlnumber
new_certs_dir = $dir/certs
certificate = $dir/ca.cert.pem
private_key = $dir/private/ca.key.pem
rand_serial = yes
default_md = sha256
default_days = 3650
default_crl_days = 3650
crl_extensions = crl
unique_subject = no
policy = subject

[subject]
organizationName = supplied
commonName = supplied

[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always

# emailProtection satisfies OpenSSL's CMS default (smimesign), codeSigning the
# stricter check-purpose=codesign
[signer]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning,emailProtection
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always

[crl]
authorityKeyIdentifier = keyid:always

[req]
distinguished_name = none
string_mask = utf8only
prompt = no
[none]
END

here=$(pwd)
cd "$dev"
tmp=$here/$tmp
quiet openssl genpkey "$@" -out private/ca.key.pem
quiet openssl genpkey "$@" -out private/development-1.key.pem
quiet openssl req -new -config openssl.cnf -key private/ca.key.pem -subj "/O=$org/CN=$org bundle CA" -out "$tmp/ca.csr"
quiet openssl req -new -config openssl.cnf -key private/development-1.key.pem -subj "/O=$org/CN=$org bundle signer 1" -out "$tmp/signer.csr"
quiet openssl ca -batch -notext -config openssl.cnf -extensions root -selfsign -keyfile private/ca.key.pem \
	${start:+-startdate "$start"} -days $((days * 2)) -in "$tmp/ca.csr" -out ca.cert.pem
quiet openssl ca -batch -notext -config openssl.cnf -extensions signer \
	${start:+-startdate "$start"} -days "$days" -in "$tmp/signer.csr" -out development-1.cert.pem
quiet openssl ca -config openssl.cnf -gencrl -crldays "$days" -out crl.pem
quiet openssl verify -CAfile ca.cert.pem -purpose smimesign development-1.cert.pem
rm -f ./*.old
chmod 0700 private
chmod 0600 private/*.pem
chmod 0644 ca.cert.pem development-1.cert.pem crl.pem
chmod 0755 "$tmp/openssl-ca" .
cd "$here"

if [ -e openssl-ca ]; then
	die "openssl-ca appeared in $here while the keys were made; nothing was changed"
fi
mv "$tmp/openssl-ca" openssl-ca

cat <<END
made openssl-ca/dev in $here; to build with these keys:

  export RAUC_KEY_FILE="$here/openssl-ca/dev/private/development-1.key.pem"
  export RAUC_CERT_FILE="$here/openssl-ca/dev/development-1.cert.pem"
  export RAUC_KEYRING_FILE="$here/openssl-ca/dev/ca.cert.pem"
END
