package org.loft4j.cli;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.loft4j.data.LossOn;
import org.loft4j.data.RowFormat;
import org.loft4j.infer.BeamConfig;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.optim.Schedule;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Method;

/**
 * The words that an option takes, for help pages, completion and the schema of settings. They are not nested in {@link Words}:
 * that is one of picocli's types, which an archive of classes cannot hold, and Java 17 aborts on lambdas of classes within it.
 */
final class WordLists {
    private WordLists() {}

    abstract static class Listed implements Iterable<String> {
        private final List<String> words;

        private Listed(Stream<String> words) {
            this.words = words.toList();
        }

        private static Stream<String> small(Enum<?>[] values) {
            return Arrays.stream(values).map(value -> value.name().toLowerCase(Locale.ROOT));
        }

        @Override
        public final Iterator<String> iterator() {
            return words.iterator();
        }
    }

    static final class Methods extends Listed {
        Methods() {
            super(Arrays.stream(Method.values()).map(Method::word));
        }
    }

    static final class Tasks extends Listed {
        Tasks() {
            super(Arrays.stream(Task.values()).map(Task::word));
        }
    }

    static final class ProblemTypes extends Listed {
        ProblemTypes() {
            super(Listed.small(ProblemType.values()));
        }
    }

    static final class Poolings extends Listed {
        Poolings() {
            super(Listed.small(Pooling.values()));
        }
    }

    static final class Packings extends Listed {
        Packings() {
            super(Arrays.stream(Packing.values()).map(Packing::toString));
        }
    }

    static final class LossParts extends Listed {
        LossParts() {
            super(Listed.small(LossOn.values()));
        }
    }

    static final class RowFormats extends Listed {
        RowFormats() {
            super(Arrays.stream(RowFormat.values()).map(RowFormat::word));
        }
    }

    static final class PreferenceLosses extends Listed {
        PreferenceLosses() {
            super(Arrays.stream(PreferenceLoss.Kind.values()).map(PreferenceLoss.Kind::word));
        }
    }

    static final class GrpoLosses extends Listed {
        GrpoLosses() {
            super(Listed.small(GrpoLoss.Kind.values()));
        }
    }

    static final class RewardScales extends Listed {
        RewardScales() {
            super(Listed.small(GrpoLoss.Scale.values()));
        }
    }

    static final class EarlyStoppings extends Listed {
        EarlyStoppings() {
            super(Listed.small(BeamConfig.EarlyStopping.values()));
        }
    }

    static final class Schedules extends Listed {
        Schedules() {
            super(Listed.small(Schedule.Kind.values()));
        }
    }

    static final class Precisions extends Listed {
        Precisions() {
            super(Arrays.stream(LoadIn.values()).map(LoadIn::word));
        }
    }

    static final class Dtypes extends Listed {
        Dtypes() {
            super(Stream.of("float32", "bfloat16", "float16", "float64"));
        }
    }

    static final class Shells extends Listed {
        Shells() {
            super(Stream.of("bash", "zsh"));
        }
    }

    static final class Scores extends Listed {
        Scores() {
            super(Evaluation.METRICS.stream());
        }
    }
}
