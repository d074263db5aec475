package org.loft4j.cli;

import java.io.File;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.function.Function;
import org.loft4j.ConfigException;
import org.loft4j.data.RowFormat;
import org.loft4j.infer.BeamConfig;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.Method;
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

    /** A file that is to be made. */
    static final class OfNewFile extends Words<Path> {
        OfNewFile() {
            super(OfNewFile::file);
        }

        private static Path file(String word) {
            if (word.isBlank() || word.endsWith("/") || word.endsWith(File.separator)) {
                throw new ConfigException(
                        word.isBlank() ? "a file must have a name" : word + " is a folder: name a file in it");
            }
            try {
                return Path.of(word);
            } catch (InvalidPathException e) {
                throw new ConfigException(word + " is not the name of a file: " + e.getReason());
            }
        }
    }

    static final class OfTask extends Words<Task> {
        OfTask() {
            super(word -> Task.parse("task", word));
        }
    }

    static final class OfProblemType extends Words<ProblemType> {
        OfProblemType() {
            super(ProblemType::parse);
        }
    }

    static final class OfMethod extends Words<Method> {
        OfMethod() {
            super(Method::parse);
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

    static final class OfPreferenceLoss extends Words<PreferenceLoss.Kind> {
        OfPreferenceLoss() {
            super(PreferenceLoss.Kind::parse);
        }
    }

    static final class OfGrpoLoss extends Words<GrpoLoss.Kind> {
        OfGrpoLoss() {
            super(GrpoLoss.Kind::parse);
        }
    }

    static final class OfEarlyStopping extends Words<BeamConfig.EarlyStopping> {
        OfEarlyStopping() {
            super(BeamConfig.EarlyStopping::parse);
        }
    }

    static final class OfRewardScale extends Words<GrpoLoss.Scale> {
        OfRewardScale() {
            super(GrpoLoss.Scale::parse);
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
