#!/usr/bin/env bash
# Compare two revisions, put the report into the job's summary, and into one comment of the pull request, which is
# updated from then on. Usage: report.sh BASE HEAD. With REPOSITORY and PULL_REQUEST in the environment it comments through gh.
# Ends with 0 if the change passes or has nothing to be compared with, with 1 if it is worse or
# inconclusive, with 3 if git contradicts its figures.
set -uo pipefail

report=reports/comparison
rm -f "$report".* # that lie in git
python -m reprotune compare "$1" "$2" --output "$report"
code=$?
if [ ! -f "$report.md" ]; then
    exit "$code"
fi
cat "$report.md" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"

if [ -n "${PULL_REQUEST:-}" ]; then
    comments="repos/$REPOSITORY/issues/$PULL_REQUEST/comments"
    # of a bot: into a person's comment that begins so that person could write another verdict later
    ours='.[] | select(.user.type == "Bot" and (.body | startswith("<!-- reprotune -->"))) | .id'
    known=$(gh api "$comments" --paginate --jq "$ours" | head -n 1)
    if [ -n "$known" ]; then
        gh api --silent -X PATCH "repos/$REPOSITORY/issues/comments/$known" -F "body=@$report.md"
    else
        gh api --silent "$comments" -F "body=@$report.md"
    fi || echo "::notice::no right to comment here (a fork?); the report is in the summary of this job"
fi

if [ "$code" -eq 2 ]; then
    echo "::warning::not comparable; see the report"
    exit 0
fi
exit "$code"
