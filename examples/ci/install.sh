#!/bin/sh
# Installs mailops for the jobs of a CI: only the very program whose checksum the
# administrators have written down is ever run.
#
#   MAILOPS_URL     where it is, over https; empty when it is on the PATH already
#   MAILOPS_SHA256  its checksum, as sha256sum prints it
#   MAILOPS_BIN     the folder to put it into; GitHub's, Gitea's and Forgejo's
#                   runners put it on the PATH of later steps
set -eu

if [ -z "${MAILOPS_URL:-}" ]; then
	command -v mailops >/dev/null || { echo "mailops is not on the PATH: set MAILOPS_URL and MAILOPS_SHA256" >&2; exit 1; }
	exit
fi
bin=${MAILOPS_BIN:-${RUNNER_TEMP:-$PWD}/.mailops-bin}
mkdir -p "$bin"
trap 'rm -f "$bin/download"' EXIT
curl --fail --silent --show-error --location --proto '=https' --output "$bin/download" "$MAILOPS_URL"
echo "${MAILOPS_SHA256:?}  $bin/download" | sha256sum -c - >/dev/null || { echo "what is at MAILOPS_URL is not what MAILOPS_SHA256 says: it was not run" >&2; exit 1; }
chmod 755 "$bin/download"
mv "$bin/download" "$bin/mailops"
if [ -n "${GITHUB_PATH:-}" ]; then echo "$bin" >>"$GITHUB_PATH"; fi
