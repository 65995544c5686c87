#!/bin/sh
# Makes the authority and the certificate of the tests anew. They are for tests alone and protect nothing.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/database"
cat > "$work/ca.conf" <<END
[ca]
default_ca = ca_of_tests
[ca_of_tests]
database = $work/database
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = policy
default_startdate = 20200101000000Z
default_enddate = 21200101000000Z
[policy]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost
END
request() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1" -out "$2" -subj "$3"; }
sign() { openssl ca -batch -notext -config "$work/ca.conf" -keyfile "$work/authority.key" "$@"; }
request "$work/authority.key" "$work/authority.csr" "/CN=Deedbook tests"
request server.key "$work/server.csr" "/CN=localhost"
sign -selfsign -in "$work/authority.csr" -out authority.pem -extensions authority
sign -cert authority.pem -in "$work/server.csr" -out server.pem -extensions server
