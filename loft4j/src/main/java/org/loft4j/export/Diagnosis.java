package org.loft4j.export;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;

/**
 * Whether PEFT, vLLM and llama.cpp will load a directory.
 *
 * @param kind {@code adapter} or {@code model}
 * @param findings in the order in which they were made
 */
public record Diagnosis(String kind, List<Finding> findings) {
    public Diagnosis {
        findings = List.copyOf(findings);
    }

    /** What a consumer will do. */
    public enum Verdict {
        YES("yes"),
        AFTER("yes, after changes"),
        UNKNOWN("not known"),
        NO("no");

        private final String words;

        Verdict(String words) {
            this.words = words;
        }

        public String words() {
            return words;
        }
    }

    /** The verdict for one consumer. */
    public Verdict verdict(Consumer consumer) {
        Verdict verdict = Verdict.YES;
        for (Finding finding : of(consumer)) {
            if (finding.severity() == Severity.REFUSED) {
                return Verdict.NO;
            }
            if (finding.severity() == Severity.UNKNOWN) {
                verdict = Verdict.UNKNOWN;
            } else if (finding.severity() == Severity.CHANGE && verdict == Verdict.YES) {
                verdict = Verdict.AFTER;
            }
        }
        return verdict;
    }

    /** What was found for one consumer. */
    public List<Finding> of(Consumer consumer) {
        return findings.stream()
                .filter(finding -> finding.consumer() == consumer)
                .toList();
    }

    /** Whether some program is known to load it as it is or after a change. */
    public boolean loadsSomewhere() {
        for (Consumer consumer : Consumer.values()) {
            if (verdict(consumer) == Verdict.YES || verdict(consumer) == Verdict.AFTER) {
                return true;
            }
        }
        return false;
    }

    /** Collects findings. */
    static final class Notes {
        private final List<Finding> findings = new ArrayList<>();

        void add(Severity severity, Consumer consumer, String what, String remedy) {
            findings.add(new Finding(severity, consumer, what, remedy));
        }

        void all(Severity severity, String what, String remedy) {
            for (Consumer consumer : Consumer.values()) {
                add(severity, consumer, what, remedy);
            }
        }

        boolean refusedBy(Consumer consumer) {
            return findings.stream()
                    .anyMatch(finding -> finding.consumer() == consumer && finding.severity() == Severity.REFUSED);
        }

        Diagnosis diagnosis(String kind) {
            return new Diagnosis(kind, findings);
        }
    }
}
