package org.loft4j.cli;

import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.util.List;
import org.loft4j.ConfigException;
import org.loft4j.FileFault;
import org.loft4j.NativeMemoryException;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;

/** One line with the cause of a failure; the trace with {@code --verbose}. */
final class Failure {
    private Failure() {}

    static int report(Throwable failure, CommandLine command) {
        PrintWriter err = command.getErr();
        boolean verbose = command.getParseResult().hasMatchedOption("--verbose");
        if (verbose) {
            failure.printStackTrace(err);
        }
        if (failure instanceof ConfigException || failure instanceof ParameterException) {
            return Call.wrong(
                    command, String.valueOf(failure.getMessage()).lines().toList());
        }
        err.println(command.getCommandSpec().qualifiedName() + ": " + cause(failure)
                + (verbose || expected(failure) ? "" : " (--verbose shows the trace)"));
        return ExitCode.SOFTWARE;
    }

    /** Faults of files, which say themselves what is wrong. */
    private static boolean expected(Throwable failure) {
        return failure instanceof java.io.IOException;
    }

    private static String cause(Throwable failure) {
        String missing = MissingLibrary.explain(failure);
        if (missing != null) {
            return missing;
        }
        if (failure instanceof FileSystemException e) {
            return e.getFile() + ": " + FileFault.of(e);
        }
        String message = failure.getMessage();
        if (failure instanceof NativeMemoryException && message != null) {
            return message;
        }
        // libtorch appends its C++ frames to the message
        List<String> lines = message == null ? List.of() : message.lines().toList();
        String first = lines.isEmpty() ? "" : lines.get(0);
        boolean ours = failure.getClass().getName().startsWith("org.loft4j.") || expected(failure);
        return ours && !first.isEmpty() ? first : (failure.getClass().getSimpleName() + " " + first).strip();
    }
}
