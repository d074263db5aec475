package org.loft4j.export;

import java.util.Locale;

/**
 * Something about an adapter or a model that whoever hands it on should know.
 *
 * @param severity how bad it is
 * @param consumer whom it concerns
 * @param what the fact
 * @param remedy what to change; empty where nothing can be done or needs to
 */
public record Finding(Severity severity, Consumer consumer, String what, String remedy) {
    /** The programs that an adapter is handed to. */
    public enum Consumer {
        PEFT("PEFT"),
        VLLM("vLLM"),
        LLAMA_CPP("llama.cpp");

        private final String label;

        Consumer(String label) {
            this.label = label;
        }

        /** The name as its makers write it. */
        public String label() {
            return label;
        }
    }

    /** What a finding does to loading. */
    public enum Severity {
        /** It loads, and there is something to know. */
        NOTE,
        /** It loads once the remedy is done. */
        CHANGE,
        /** It may load or not: nothing here knows. */
        UNKNOWN,
        /** It does not load. */
        REFUSED;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
