#!/usr/bin/env bash
# The agent in one go: a bare repository, an agent that follows it, a push that is
# live a moment later, a commit that is refused, and what somebody changes by hand
# taken back. Usage: demo.sh MAILOPS, the program, such as .build/mailops.
set -euo pipefail
mailops=$(realpath "${1:?which program? usage: demo.sh .build/mailops (make build makes it)}") acme=$(realpath "$(dirname "$0")/../acme")
work=$(mktemp -d)
agent=
trap '[ -z "$agent" ] || kill "$agent" 2>/dev/null; wait; rm -rf "$work"' EXIT
cd "$work"
export MAILOPS_STORE=sqlite:$work/live.db
export ACME_SCANNER_PASSWORD_HASH='{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$YW4gZXhhbXBsZSwgYW5kIG5vIHJlYWwgcGFzc3dvcmQh'
export GIT_AUTHOR_NAME='Ana Prates' GIT_AUTHOR_EMAIL=ana.prates@acme.example
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL

say() { printf '\n# %s\n' "$*"; }
# merge pushes what was edited, as a merged pull request would.
merge() {
	git -C org commit -qam "$1"
	git -C org push -q origin main
	printf '$ git push   # %s\n' "$1"
}
# looks waits for a look of the agent that began after the push, and shows how it stands.
looks() {
	printf '$ mailops agent reconcile\n'
	"$mailops" agent reconcile --agent "$(cat at)" || printf '(exit %s)\n' $?
}
say "A repository, with an organization in it that has its agent take back what others do to mailbox actions."
git init -q --bare -b main origin.git
cp -R "$acme" org
sed -i '0,/^timezone:.*/s//&\ndrift: {fields: [{kind: User, field: mailboxActions, do: heal}]}/' org/mailops.yaml
git -C org init -q -b main
git -C org remote add origin ../origin.git
git -C org add -A
merge 'the whole organization'

say "An agent follows it. It applies what it finds."
printf '$ mailops agent --repo origin.git &\n'
"$mailops" agent --repo origin.git --state state --listen 127.0.0.1:0 2>agent.log &
agent=$!
for _ in $(seq 600); do
	grep -q '"agent: serves"' agent.log && break
	kill -0 "$agent" || { cat agent.log; exit 1; }
	read -rt 0.1 <> <(:) || true
done
sed -n 's/.*"msg":"agent: serves","at":"\([^"]*\)".*/\1/p' agent.log >at
looks

say "Bruno moves to the shop floor. The push is all that it takes."
sed -i 's/^profiles: .*/profiles: [workshop]/' org/users/bruno.salgado.yaml
merge 'Bruno moves to the shop floor'
looks
printf '$ mailops explain bruno.salgado@acme.example.mailboxActions.imap\n'
"$mailops" -C org explain bruno.salgado@acme.example.mailboxActions.imap

say "A slip in the next one changes nothing, and is told with its line."
printf 'mailboxaction: {imap: on}\n' >>org/users/carla.seixas.yaml
merge 'Carla gets IMAP'
looks

say "Somebody opens POP by hand meanwhile. It is taken back, from the commit in force."
sqlite3 -cmd '.timeout 5000' live.db "UPDATE mailuser SET pop = 1 WHERE local = 'carla.seixas'"
looks >/dev/null
printf '$ mailops explain --rev HEAD~1 carla.seixas@acme.example.mailboxActions.pop\n'
"$mailops" -C org explain --rev HEAD~1 carla.seixas@acme.example.mailboxActions.pop

say "Her name is nobody's business of the agent's: it is told, and left."
sqlite3 -cmd '.timeout 5000' live.db "UPDATE mailuser SET name = 'Carla S.' WHERE local = 'carla.seixas'"
looks >/dev/null
printf '$ mailops drift\n'
"$mailops" -C org drift || printf '(exit %s)\n' $?

say "The slip is mended, and the commit comes into force."
sed -i '$d' org/users/carla.seixas.yaml
merge 'Carla: mended'
looks
printf '$ mailops status\n'
"$mailops" -C org status

say "The agent ends in peace."
kill "$agent"
wait "$agent"
agent=
