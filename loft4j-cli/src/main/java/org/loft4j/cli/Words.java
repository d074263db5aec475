package org.loft4j.cli;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Stream;
import org.loft4j.ConfigException;
import org.loft4j.data.LossOn;
import org.loft4j.data.RowFormat;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the words of the command line with the library's own parsers, so that their messages are the same. */
abstract class Words<T> implements ITypeConverter<T> {
    private final Function<String, T> parser;

    private Words(Function<String, T> parser) {
        this.parser = parser;
    }

    @Override
    public final T convert(String word) {
        try {
            return parser.apply(word);
        } catch (ConfigException e) {
            throw new TypeConversionException(String.valueOf(e.getMessage()));
        }
    }

    static final class OfTask extends Words<Task> {
        OfTask() {
            super(word -> Task.parse("task", word));
        }
    }

    static final class OfMethod extends Words<Method> {
        OfMethod() {
            super(Method::parse);
        }
    }

    /** The words that an option takes, for help pages, completion and the schema of settings. */
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

    static final class Scores extends Listed {
        Scores() {
            super(TrainConfig.METRICS.stream());
        }
    }

    static final class OfPooling extends Words<Pooling> {
        OfPooling() {
            super(word -> Pooling.parse("pooling", word));
        }
    }

    static final class OfLoadIn extends Words<LoadIn> {
        OfLoadIn() {
            super(LoadIn::parse);
        }
    }

    static final class OfPacking extends Words<Packing> {
        OfPacking() {
            super(Packing::parse);
        }
    }

    static final class OfRowFormat extends Words<RowFormat> {
        OfRowFormat() {
            super(RowFormat::parse);
        }
    }

    static final class OfSchedule extends Words<Schedule.Kind> {
        OfSchedule() {
            super(Schedule.Kind::parse);
        }
    }

    /** A floating type; the parser of {@link Dtype} would load libtorch, which reading a call must not. */
    static final class OfDtype extends Words<String> {
        OfDtype() {
            super(OfDtype::check);
        }

        private static String check(String word) {
            if (!word.matches("(torch\\.)?(float64|float32|float16|bfloat16)")) {
                throw new ConfigException("dtype must be one of float64, float32, float16, bfloat16, got " + word);
            }
            return word;
        }
    }
}
