package org.loft4j.cli.compare;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.train.Method;

/**
 * What the others are set against, run by run of the same seed: at the same rank, or without one.
 *
 * @param asked the name that it goes by
 * @param contender null where nothing can be paired
 * @param problem why nothing can, though there is something of that name; null if all is well
 */
public record Baseline(
        String asked,
        @Nullable Contender contender,
        @Nullable String problem) {
    /** What it is where nobody says otherwise. */
    public static final String DEFAULT = Method.FULL.word();

    /**
     * Looks for a baseline: a contender's name or title, or the method of only one of them.
     *
     * @param there who takes part
     * @throws ConfigException if there is none of the name; nobody has to take part in the default
     */
    static Baseline of(Collection<Contender> there, String asked) {
        List<Contender> named = those(
                there,
                contender -> contender.name().equals(asked) || contender.title().equals(asked));
        List<Contender> found = named.isEmpty()
                ? those(there, contender -> contender.method().word().equals(asked))
                : named;
        if (found.size() == 1) {
            return new Baseline(asked, found.get(0), null);
        }
        if (!asked.equals(DEFAULT)) {
            throw new ConfigException(
                    "baseline must be one of " + names(new LinkedHashSet<>(there)) + ", got " + asked);
        }
        return new Baseline(
                asked,
                null,
                found.isEmpty()
                        ? null
                        : "Nothing is paired: which of " + names(found) + " is full fine-tuning as it is? --baseline"
                                + " names one.");
    }

    /** The same for what a directory names, of which no run may have ended yet. */
    static Baseline kept(Collection<Contender> there, String asked) {
        boolean any = there.stream()
                .anyMatch(contender -> contender.name().equals(asked)
                        || contender.title().equals(asked)
                        || contender.method().word().equals(asked));
        return any || asked.equals(DEFAULT)
                ? of(there, asked)
                : new Baseline(asked, null, "Nothing is paired: no run of the baseline " + asked + " has ended yet.");
    }

    private static List<Contender> those(Collection<Contender> there, Predicate<Contender> condition) {
        return there.stream().distinct().filter(condition).toList();
    }

    private static String names(Collection<Contender> contenders) {
        return contenders.stream().map(Contender::name).sorted().collect(Collectors.joining(", "));
    }

    /** As a heading has it. */
    String title() {
        if (contender != null) {
            return contender.title();
        }
        return asked.equals(DEFAULT) ? Method.FULL.title() : asked;
    }

    /** The row that another row is set against; null for a row that is it. */
    Trial.@Nullable Entry of(Trial.Entry row) {
        return contender == null || row.contender().equals(contender)
                ? null
                : new Trial.Entry(contender, contender.method().usesAdapter() ? row.rank() : 0);
    }
}
