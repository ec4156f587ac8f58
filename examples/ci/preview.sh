#!/bin/sh
# What a pull request does to people's mail: problems and risks at its lines, the
# preview in the log or in the job's summary, and one comment on the pull request.
# Any CI can run this; the workflows beside it do.
#
#   MAILOPS_BASE         the revision that it is compared with, such as
#                        origin/main; what it has in common with HEAD is needed too
#   MAILOPS_DIR          the folder of mailops.yaml (.)
#   MAILOPS_LIVE         a snapshot of the live store: a file (mailops snapshot --out,
#                        mailops agent --snapshot-file), or what an agent publishes
#                        with --snapshot-branch mailops-snapshot:
#                        origin/mailops-snapshot:live.snapshot
#   MAILOPS_MAX_AGE      how old it may be (24h)
#   MAILOPS_VERIFY_KEY   a file with the keys that may have signed it
#   MAILOPS_REDACT_KEY   the key that hides what is personal in it, if one does
#   MAILOPS_STORE        the live store itself, on a runner that may read it
#   MAILOPS_FORGE_TOKEN  for the comment; without a token there is none
#   MAILOPS_FORGE, MAILOPS_FORGE_URL, MAILOPS_REPO, MAILOPS_PULL
#                        where the comment goes, in a CI that `mailops comment`
#                        does not know
#   MAILOPS_PREVIEW      a file to leave the preview in, as Markdown
#
# preview.sh FORMAT prints the preview in that format, and does nothing else.
#
# It ends with 4 when the declarations are invalid, and with 5 when a guard or rule
# refuses what they change, or the snapshot is not signed by who may. That the live
# state is away, or no comment could be made, is no fault of the pull request: that
# is a warning. Whatever else fails is a fault of the set-up, and never passes for a
# good check.
set -eu

format=${1:-}
dir=${MAILOPS_DIR:-.}
base=${MAILOPS_BASE:?the revision that the pull request is compared with}
token=${MAILOPS_FORGE_TOKEN:-} key=${MAILOPS_REDACT_KEY:-}
unset MAILOPS_FORGE_TOKEN MAILOPS_REDACT_KEY # what reads the pull request has no use for them
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
preview=${MAILOPS_PREVIEW:-$work/preview.md}
rm -f "$preview" # what a pull request may have put there leads nowhere

notes=text
if [ "$format${GITHUB_ACTIONS:-}${GITEA_ACTIONS:-}${FORGEJO_ACTIONS:-}" = true ]; then notes=github; fi

warn() {
	if [ "$notes" = github ]; then echo "::warning title=mailops::$1"; else echo "mailops: $1" >&2; fi
}

# snapshot finds the snapshot of the live store, if there is one.
snapshot() {
	case ${MAILOPS_LIVE:-} in
	'') return 1 ;;
	*:*) git cat-file blob "$MAILOPS_LIVE" >"$work/live.snapshot" ;;
	*) cp "$MAILOPS_LIVE" "$work/live.snapshot" ;;
	esac || { warn "there is no snapshot $MAILOPS_LIVE"; return 1; }
}

# based makes a store that is as the base asks for. It stands for the live one
# where that cannot be seen: what drifts is not known then.
based() {
	live=base
	mailops -C "$dir" apply --rev "$base" --store "sqlite:$work/base.db" --yes >"$work/base.log" 2>&1 && return
	tail -n 5 "$work/base.log" >&2
	warn "what $base asks for cannot be applied: the preview compares with nothing"
}

# make makes the preview, and leaves its exit code in made.
make() {
	made=0
	plan "$@" --format "${format:-markdown}" >"$work/made" || made=$?
}

plan() { mailops -C "$dir" plan ${base:+--base "$base"} "$@"; }

if snapshot; then
	live=snapshot
	(umask 077 && echo "$key" >"$work/redact.key")
	set -- --live "$work/live.snapshot" ${MAILOPS_MAX_AGE:+--max-age "$MAILOPS_MAX_AGE"} \
		${MAILOPS_VERIFY_KEY:+--verify-key "$MAILOPS_VERIFY_KEY"} ${key:+--redact-key "$work/redact.key"}
elif [ -n "${MAILOPS_STORE:-}" ]; then
	live=store
	set --
else
	based
	set -- --store "sqlite:$work/base.db"
fi

valid=
if [ -z "$format" ]; then
	valid=0
	mailops -C "$dir" validate --format "$notes" || valid=$?
fi
make "$@"
case $live$made in snapshot[367]) # another's, too old, or it needs a key that pull requests from forks do not get
	warn "the snapshot cannot be used (exit code $made)"
	based
	set -- --store "sqlite:$work/base.db"
	make "$@"
	;;
esac
if [ "$valid$made" = 04 ]; then # it is not what is asked for that is invalid
	warn "what $base asks for is invalid: the preview is of all that is not live"
	base=
	make "$@"
fi
if [ -n "$format" ]; then
	cat "$work/made"
	exit "$made"
fi

cat "$work/made" >"$preview"
refused=0
case $made in
0)
	plan "$@" --format "$notes"
	plan "$@" --format json >"$work/plan.json"
	# Quotes within a text are escaped: only a finding has these words.
	if grep -q '"severity": *"refuse"' "$work/plan.json"; then refused=5; fi
	if [ "$live" = base ]; then printf '\n<sub>Compared with what the base asks for: the live store was not seen.</sub>\n' >>"$preview"; fi
	;;
4) ;; # the preview tells the problems
*)
	if [ ! -s "$preview" ]; then printf '### mailops\n\nThe preview could not be made (exit code %s): the log of the job says why.\n' "$made" >"$preview"; fi
	warn "the preview could not be made (exit code $made)"
	;;
esac

if [ "$notes" = github ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$preview" >>"$GITHUB_STEP_SUMMARY"; fi
if [ -n "$token" ]; then
	MAILOPS_FORGE_TOKEN=$token mailops comment ${MAILOPS_FORGE:+--forge "$MAILOPS_FORGE"} ${MAILOPS_FORGE_URL:+--forge-url "$MAILOPS_FORGE_URL"} \
		${MAILOPS_REPO:+--repo "$MAILOPS_REPO"} ${MAILOPS_PULL:+--pull "$MAILOPS_PULL"} "$preview" ||
		warn "the comment was not made (exit code $?): the preview is in the summary or the log of this job"
fi

case $valid$made in
00) exit "$refused" ;;
07) exit 0 ;; # the live store is away
0*) exit "$made" ;;
*) exit "$valid" ;;
esac
