package org.loft4j.cli.reproduce;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;

/** The experiments there are. */
public enum ExperimentName {
    FULL_RANK(false, (settings, task, output) -> new FullRank(settings)),
    MATRIX_FACTORIZATION(false, (settings, task, output) -> new MatrixFactorization(settings)),
    MEMORY(false, (settings, task, output) -> new Memory(settings)),
    ALPHA(true, (settings, task, output) -> new TaskExperiment(new AlphaPlan(settings), settings, task, output)),
    RANK(true, (settings, task, output) -> new TaskExperiment(new RankPlan(settings), settings, task, output)),
    ABLATION(true, (settings, task, output) -> new TaskExperiment(new AblationPlan(settings), settings, task, output)),
    DISTANCE(true, Distance::new);

    /** Makes an experiment. */
    private interface Maker {
        Experiment make(ReproduceSettings settings, RealTask.Source task, Path output);
    }

    private final boolean onTask;
    private final Maker maker;

    ExperimentName(boolean onTask, Maker maker) {
        this.onTask = onTask;
        this.maker = maker;
    }

    /** The word on the command line: {@code full-rank}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Whether it trains on a real task: it takes long, can be stopped, and goes on where it was. */
    public boolean onTask() {
        return onTask;
    }

    /**
     * The experiment with these settings.
     *
     * @param task opened only if the experiment needs one
     * @param output directory of its runs
     */
    public Experiment with(ReproduceSettings settings, RealTask.Source task, Path output) {
        return maker.make(settings, task, output);
    }

    /** Where it leaves the first of its comparisons, whose date its conversations have on later days too. */
    public Path comparison(Path output) {
        return this == DISTANCE ? Distance.Part.REFERENCE.in(output) : output;
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
