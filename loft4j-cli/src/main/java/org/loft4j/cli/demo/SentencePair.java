package org.loft4j.cli.demo;

/** A sentence with an error beside its own correction, and the part of the data that both belong to. */
record SentencePair(Split split, String incorrect, String corrected) {
    /** Parts of the data; no rule is in two of them. The order is the order of precedence, weakest first. */
    enum Split {
        TRAIN("train"),
        VALID("valid"),
        TEST("test");

        private final String fileName;

        Split(String name) {
            this.fileName = name + ".jsonl";
        }

        String fileName() {
            return fileName;
        }
    }
}
