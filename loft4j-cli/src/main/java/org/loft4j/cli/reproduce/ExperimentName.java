package org.loft4j.cli.reproduce;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;

/** The experiments there are. */
public enum ExperimentName {
    FULL_RANK(FullRank::new),
    MATRIX_FACTORIZATION(MatrixFactorization::new);

    private final Function<ReproduceSettings, Experiment> maker;

    ExperimentName(Function<ReproduceSettings, Experiment> maker) {
        this.maker = maker;
    }

    /** The word on the command line: {@code full-rank}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The experiment with these settings. */
    public Experiment with(ReproduceSettings settings) {
        return maker.apply(settings);
    }

    /** Reads the word of {@link #word}. */
    public static ExperimentName parse(String word) {
        for (ExperimentName name : values()) {
            if (name.word().equals(word)) {
                return name;
            }
        }
        String known = Arrays.stream(values()).map(ExperimentName::word).collect(Collectors.joining(", "));
        throw new ConfigException("the experiments are " + known + "; there is no " + word);
    }
}
