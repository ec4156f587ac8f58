#!/usr/bin/env bash
# The main job in one go: a copy of examples/acme, applied to an embedded store,
# one user edited, the small plan applied, a lock refused and granted, and nothing
# left to do.
set -euo pipefail
mailops=$(realpath "$1") panel=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$(dirname "$0")/acme" "$work/acme"
cd "$work/acme"
# A password that the declarations name and do not hold.
export ACME_SCANNER_PASSWORD_HASH='{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$YW4gZXhhbXBsZSwgYW5kIG5vIHJlYWwgcGFzc3dvcmQh'
# No store but the embedded one, whatever the caller's environment says.
unset MAILOPS_STORE

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '$ mailops %s\n' "$*"
	"$mailops" "$@"
}

say "Fifty-five users in two domains. Are the declarations right?"
run validate
say "What would they do to an empty store? (the first lines of the plan)"
printf '$ mailops plan\n'
"$mailops" plan >plan.txt
sed -n '1,24p' plan.txt
printf '  ...\n'
tail -n 3 plan.txt
say "Make it so."
printf '$ mailops apply --yes\n'
"$mailops" apply --yes | tail -n 1
say "Bruno moves to the shop floor: an edit of one line, as in a pull request."
sed -i 's/^profiles: .*/profiles: [workshop]/' users/bruno.salgado.yaml
run plan
run apply --yes | tail -n 1
say "Carla keeps her mail add-on private, which she does in her own panel. Can it be locked?"
"$panel" .mailops/live.db carla.seixas@acme.example protocol=pop sharing=private
printf 'lock: {mailAddOn: locked}\n' >>users/carla.seixas.yaml
run apply --yes || printf '(exit %s)\n' $?
say "Carla opens it up for the records that colleagues share, and then it can."
"$panel" .mailops/live.db carla.seixas@acme.example sharing=recordLevel
run apply --yes
say "Nothing is left to do."
run plan --detailed-exitcode
run history
