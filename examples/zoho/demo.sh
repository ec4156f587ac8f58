#!/usr/bin/env bash
# An organization on Zoho Mail, as far as one can see it without an account: the
# simulator, which was built from documentation and never compared with the service.
# It is imported, changed by hand and by declaration, an apply is cut off and gone on
# with, and in the end there is nothing left to do.
set -euo pipefail
if [ $# -ne 2 ]; then
	echo "usage: demo.sh .build/mailops .build/mailops-zohosim" >&2
	exit 2
fi
mailops=$(realpath "$1") simulator=$(realpath "$2")
example=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
cd "$work"
"$simulator" -state "$example/organization.json" >simulator 2>requests &
pid=$!
trap 'kill $pid; wait $pid 2>/dev/null || true; rm -rf "$work"' EXIT
until grep -q refresh_token simulator; do
	kill -0 $pid
	sleep 0.1
done
chmod 600 simulator
host=$(sed -n 's/^url=http:\/\///p' simulator)
# What it prints are the credentials: a file like it, with those of a Self Client of
# Zoho's API console, is all that the service itself needs, and
# zohomail://ORGANIZATION?region=eu as its URL.
export MAILOPS_ZOHO_CREDENTIALS=$work/simulator
export MAILOPS_STORE="zohomail://$(sed -n 's/^organization=//p' simulator)?mail=$host&accounts=$host&tls=off&rate=600"

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '$ mailops %s\n' "$*"
	"$mailops" "$@" 2>&1 | sed "s/$host/HOST/g" || printf '(exit %s)\n' "${PIPESTATUS[0]}"
}
quirks() { curl -sS -X PUT -o /dev/null "http://$host/_sim/quirks" -d "{\"quirks\":[$1]}"; }

say "What is live there becomes declarations."
run import acme | grep -v '^mailops: '
cd acme
cat profiles.yaml
run plan
say "Bruno leaves, Carla comes: two files of a pull request."
sed -i 's/^name: Bruno Berg$/&\nstatus: deactivated/' users/acme.example/bruno.yaml
cp "$example/carla.yaml" users/acme.example/
run plan
say "The service stops half-way, as services do."
quirks '"fail=401,action=addMailForward"'
printf '$ mailops apply --yes\n'
run apply --yes | tail -n 6
quirks ''
run apply --resume | sed 's/apply of [^:]*:[^:]*:[^:]*:/apply of a moment ago:/'
run plan
say "What the service did: each change once, though the forward was asked for more than once."
sed -n '/ \(POST\|PUT\|DELETE\) \/api.* -> 200/s/.* -> 200 //p' "$work/requests"
