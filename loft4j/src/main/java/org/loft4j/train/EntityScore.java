package org.loft4j.train;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * How many entities were found, by the measure of the CoNLL tasks (Tjong Kim Sang and De Meulder 2003): an entity counts when
 * its first and last word and its kind are right. Tags are {@code O}, {@code B-KIND} and {@code I-KIND}, or of IOBES also
 * {@code E-KIND} for the last word and {@code S-KIND} for an only one; an {@code I-} or {@code E-} that follows no open entity of its
 * kind begins one, as in seqeval's default mode: so where there is no {@code B-} at all, each run of {@code I-} tags of a kind is an
 * entity.
 */
final class EntityScore {
    private final List<String> labels;
    private long expected;
    private long predicted;
    private long right;

    EntityScore(List<String> labels) {
        this.labels = labels;
    }

    /** Whether labels are tags of this scheme. */
    static boolean fits(List<String> labels) {
        return labels.contains("O")
                && labels.stream().allMatch(label -> label.equals("O") || label.matches("[BIES]-.+"))
                && labels.stream().anyMatch(label -> label.matches("[BIS]-.+"));
    }

    /** An entity: its words are start … end − 1. */
    private record Entity(int start, int end, String kind) {}

    /** Adds the tags of one text, word by word, as indices into the labels. */
    void add(List<Integer> expectedTags, List<Integer> predictedTags) {
        Set<Entity> wanted = entities(expectedTags);
        Set<Entity> found = entities(predictedTags);
        expected += wanted.size();
        predicted += found.size();
        found.retainAll(wanted);
        right += found.size();
    }

    private Set<Entity> entities(List<Integer> tags) {
        Set<Entity> entities = new HashSet<>();
        int start = -1;
        String kind = "";
        boolean open = false;
        for (int i = 0; i <= tags.size(); i++) {
            String tag = i < tags.size() ? labels.get(tags.get(i)) : "O";
            boolean goesOn = open && (tag.equals("I-" + kind) || tag.equals("E-" + kind));
            if (!goesOn && start >= 0) {
                entities.add(new Entity(start, i, kind));
                start = -1;
            }
            if (start < 0 && !tag.equals("O")) {
                start = i;
                kind = tag.substring(2);
            }
            // its last word ends an entity, whatever follows
            open = start >= 0 && !tag.startsWith("E-") && !tag.startsWith("S-");
        }
        return entities;
    }

    double precision() {
        return predicted == 0 ? 0 : (double) right / predicted;
    }

    double recall() {
        return expected == 0 ? 0 : (double) right / expected;
    }

    /** The harmonic mean of precision and recall. */
    double f1() {
        return right == 0 ? 0 : 2.0 * right / (predicted + expected);
    }
}
