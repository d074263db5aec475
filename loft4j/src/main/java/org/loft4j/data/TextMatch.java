package org.loft4j.data;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.ConfigException;

/**
 * Two texts that belong together, such as a question and a passage that answers it, and texts that do not belong to the first.
 *
 * @param anchor what is searched with
 * @param positive what is to be found
 * @param negatives what is not to be found, and may look as if; often none
 * @param origin where it was read
 */
public record TextMatch(String anchor, String positive, List<String> negatives, Origin origin) implements Row {
    /** @throws ConfigException if a text is blank, or the two that belong together, or one of those that do not, are the same */
    public TextMatch {
        negatives = List.copyOf(negatives);
        List<String> all = new ArrayList<>(List.of(anchor, positive));
        all.addAll(negatives);
        if (all.stream().anyMatch(String::isBlank)) {
            throw new ConfigException("a text of a match is empty");
        }
        if (anchor.equals(positive)) {
            throw new ConfigException(
                    "the two texts that belong together are the same: there is nothing to learn from them");
        }
        if (negatives.contains(anchor) || negatives.contains(positive)) {
            throw new ConfigException("a negative is the same text as the "
                    + (negatives.contains(anchor) ? "anchor" : "positive") + ": it cannot be both");
        }
    }

    /** A row that a program made itself. */
    public TextMatch(String anchor, String positive, List<String> negatives) {
        this(anchor, positive, negatives, Origin.MEMORY);
    }

    /** Two texts alone. */
    public TextMatch(String anchor, String positive) {
        this(anchor, positive, List.of());
    }

    /** The anchor, the positive, then the negatives. */
    List<String> texts() {
        List<String> texts = new ArrayList<>(List.of(anchor, positive));
        texts.addAll(negatives);
        return texts;
    }
}
