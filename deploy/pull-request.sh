#!/usr/bin/env bash
# What subscribers would see of a pull request: the feeds of $BASE are built first, the posts that are checked out compared with them.
# CONFIG is the configuration file below the current directory; the result is $RUNNER_TEMP/subscribers.html.
set -euo pipefail

work=$(mktemp -d "${RUNNER_TEMP:?}/feedservice.XXXXXX")
trap 'git worktree remove --force "$work/base" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
git cat-file -e "${BASE:?}^{commit}" 2>/dev/null || git fetch --quiet --depth=1 origin "$BASE"
git worktree add --quiet --detach "$work/base" "$BASE"

# Both sides share one memory; what the base knows of ids begins with the ledger that is committed there.
export FEEDSERVICE_STATE="$work/state"
ledger=$(feedservice --config "$work/base/${CONFIG:?}" config show --json |
    python -c 'import json, sys; print((json.load(sys.stdin).get("feeds") or {}).get("ledger") or "")')
if [ -n "$ledger" ] && [ -f "$(dirname "$work/base/$CONFIG")/$ledger" ]; then
    cp "$(dirname "$work/base/$CONFIG")/$ledger" "$work/ledger.jsonl"
fi
export FEEDSERVICE_FEEDS__LEDGER="$work/ledger.jsonl"

# Problems of the base are not those of the pull request: only a base that cannot be built at all stops here.
feedservice --config "$work/base/$CONFIG" build --out "$work/public" >/dev/null 2>&1 || [ $? = 1 ]

held=false
feedservice --config "$CONFIG" diff --html --title "What subscribers would see" >"$RUNNER_TEMP/subscribers.html" || {
    [ $? = 1 ] || exit 1
    held=true
}
cat "$RUNNER_TEMP/subscribers.html" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
echo "held=$held" >>"${GITHUB_OUTPUT:-/dev/null}"
