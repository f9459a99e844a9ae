#!/bin/sh
# SPDX-License-Identifier: MIT
# Certificates, keys, CRLs and keyrings for the tests, made anew at each build:
#   make_pki.sh FOLDER
# <name>.pem and <name>.key; below, who signs whom and what is special.
set -eu

rm -rf "$1"
mkdir -p "$1"
cd "$1"
exec 2>log.txt
trap 'test $? -eq 0 || cat log.txt' EXIT

cat >ca.conf <<'EOF'
[ca]
default_ca = root
[root]
database = root.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
default_crl_days = 30
[inter]
database = inter.txt
new_certs_dir = .
certificate = inter.pem
private_key = inter.key
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
default_crl_days = 30
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
[x_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[x_ca_server]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
extendedKeyUsage = serverAuth
[x_leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
authorityKeyIdentifier = keyid
[x_code]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,codeSigning
[x_code_no_usage]
extendedKeyUsage = codeSigning
[x_code_wrong_usage]
keyUsage = keyEncipherment
extendedKeyUsage = codeSigning
[x_server]
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
EOF
touch root.txt inter.txt

# NAME "rsa" or "ec"
key() {
	if [ "$2" = rsa ]; then
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1.key"
	else
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
	fi
}

# NAME TYPE EXTENSIONS CN: signed by itself, long ago
root() {
	key "$1" "$2"
	openssl req -new -config ca.conf -key "$1.key" -subj "/O=Test Org/CN=$4" -out "$1.csr"
	openssl ca -selfsign -batch -notext -config ca.conf -name root -keyfile "$1.key" \
		-extensions "$3" -in "$1.csr" -startdate 20150101000000Z -enddate 20750101000000Z \
		-out "$1.pem"
}

# NAME TYPE CA EXTENSIONS CN [START END]
issue() {
	key "$1" "$2"
	openssl req -new -config ca.conf -key "$1.key" -subj "/O=Test Org/CN=$5" -out "$1.csr"
	openssl ca -batch -notext -config ca.conf -name "$3" -extensions "$4" -in "$1.csr" \
		-startdate "${6:-20200101000000Z}" -enddate "${7:-20700101000000Z}" -out "$1.pem"
}

root ca rsa x_ca 'Test CA'
root other-ca ec x_ca 'Other CA'
root self ec x_leaf 'Self'

issue inter ec root x_ca 'Test Intermediate'
issue inter-server ec root x_ca_server 'Server Intermediate'
issue rsa rsa root x_leaf 'RSA Signer'
issue ec ec root x_leaf 'EC Signer'
issue chained ec inter x_leaf 'Chained Signer'
issue expired ec root x_leaf 'Expired Signer' 20200101000000Z 20210101000000Z
issue future ec root x_leaf 'Future Signer' 20600101000000Z 20700101000000Z
issue revoked ec root x_leaf 'Revoked Signer'
issue code ec root x_code 'Code Signer'
issue code-no-usage ec root x_code_no_usage 'Code Signer without Usage'
issue code-wrong-usage ec root x_code_wrong_usage 'Code Signer of wrong Usage'
issue server ec root x_server 'Server'

# Signed by the other CA, and a certificate below a CA that is none.
key other ec
openssl req -new -config ca.conf -key other.key -subj '/O=Test Org/CN=Other Signer' -out other.csr
openssl x509 -req -in other.csr -CA other-ca.pem -CAkey other-ca.key -set_serial 1 -days 3650 \
	-extfile ca.conf -extensions x_leaf -out other.pem
key below-leaf ec
openssl req -new -config ca.conf -key below-leaf.key -subj '/CN=Below a Leaf' -out below-leaf.csr
openssl x509 -req -in below-leaf.csr -CA ec.pem -CAkey ec.key -set_serial 2 -days 3650 \
	-extfile ca.conf -extensions x_leaf -out below-leaf.pem

key code-server ec
openssl req -new -config ca.conf -key code-server.key -subj '/CN=Code below Server' -out c.csr
openssl x509 -req -in c.csr -CA inter-server.pem -CAkey inter-server.key -set_serial 3 -days 3650 \
	-extfile ca.conf -extensions x_code -out code-server.pem

openssl ca -config ca.conf -name root -gencrl -out before.crl
openssl ca -config ca.conf -name root -revoke revoked.pem
openssl ca -config ca.conf -name root -gencrl -out ca.crl
openssl ca -config ca.conf -name inter -gencrl -out inter.crl

openssl pkey -in ec.key -aes256 -passout pass:secret -out encrypted.key
openssl pkey -in ec.key -outform DER -out ec.der
openssl x509 -in ca.pem -outform DER -out ca.der

# Keyrings: with CRLs, with one missing, of CRLs only, of both CAs, as a folder.
cat ca.pem ca.crl inter.crl >ca-crl.pem
cat ca.pem ca.crl >ca-half-crl.pem
cat ca.crl >only-crl.pem
cat ca.pem other-ca.pem >both.pem
cat inter.pem ca.pem >bundle.pem
mkdir folder empty-folder
cp ca.pem folder/
openssl rehash folder
: >empty.pem
echo 'no certificate here' >text.pem
head -c 600 ca.pem >cut.pem
sed '5s/^..../AAAA/' ca.pem >damaged.pem
