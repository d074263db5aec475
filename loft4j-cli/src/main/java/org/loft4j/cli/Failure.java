package org.loft4j.cli;

import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.FileFault;
import org.loft4j.NativeMemoryException;
import org.loft4j.train.MemoryFault;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;

/** One line with the cause of a failure; the trace with {@code --verbose}. */
final class Failure {
    private static final Map<String, String> SMALLER = smaller();

    private Failure() {}

    private static Map<String, String> smaller() {
        Map<String, String> options = new LinkedHashMap<>();
        for (String name : List.of("--batch-size", "--eval-batch-size", "--max-length", "--max-new-tokens")) {
            options.put(name, "a smaller " + name);
        }
        options.put("--load-in", "--load-in 8bit or 4bit");
        return options;
    }

    static int report(Throwable thrown, CommandLine command) {
        PrintWriter err = command.getErr();
        boolean verbose = command.getParseResult().hasMatchedOption("--verbose");
        if (verbose) {
            thrown.printStackTrace(err);
        }
        // of a listener, which can declare none
        Throwable failure =
                thrown instanceof UncheckedIOException fault ? Objects.requireNonNull(fault.getCause()) : thrown;
        if (failure instanceof ConfigException || failure instanceof ParameterException) {
            return Call.wrong(
                    command, String.valueOf(failure.getMessage()).lines().toList());
        }
        String full = fullHeap(failure, command);
        if (full != null) {
            err.println(command.getCommandSpec().qualifiedName() + ": " + full);
            return ExitCode.SOFTWARE;
        }
        if (!(failure instanceof NativeMemoryException) && !expected(failure) && MemoryFault.is(failure)) {
            err.println(command.getCommandSpec().qualifiedName() + ": " + MemoryFault.told(failure, less(command)));
            return ExitCode.SOFTWARE;
        }
        err.println(command.getCommandSpec().qualifiedName() + ": " + cause(failure)
                + (verbose || expected(failure) ? "" : " (--verbose shows the trace)"));
        return ExitCode.SOFTWARE;
    }

    /** Faults of files, which say themselves what is wrong. */
    private static boolean expected(Throwable failure) {
        return failure instanceof java.io.IOException;
    }

    /** What to do where Java's own memory is at an end; null for another fault. */
    private static @Nullable String fullHeap(Throwable failure, CommandLine command) {
        for (Throwable t = failure; t != null; t = t.getCause()) {
            String message = String.valueOf(t.getMessage());
            if (t instanceof OutOfMemoryError && (message.contains("Java heap") || message.contains("GC overhead"))) {
                long most = Runtime.getRuntime().maxMemory();
                boolean streams = command.getCommandSpec().findOption("--streaming") != null
                        && !command.getParseResult().hasMatchedOption("--streaming");
                return "Java's heap of " + Quantities.bytes(most)
                        + " is full: give it more, as with LOFT_JAVA_OPTS=-Xmx" + Math.max(2, most >> 29) + "g"
                        + (streams ? ", or take --streaming, which holds a part of the rows" : "");
            }
        }
        return null;
    }

    /** Options of a call with which it needs less memory outside of Java's heap. */
    private static List<String> less(CommandLine command) {
        return SMALLER.entrySet().stream()
                .filter(option -> command.getCommandSpec().findOption(option.getKey()) != null)
                .map(Map.Entry::getValue)
                .toList();
    }

    private static String cause(Throwable failure) {
        String missing = MissingLibrary.explain(failure);
        if (missing != null) {
            return missing;
        }
        if (failure instanceof FileSystemException e) {
            return FileFault.named(e);
        }
        String message = failure.getMessage();
        if (failure.getClass().getName().startsWith("org.loft4j.") && message != null) {
            return message;
        }
        // libtorch appends its C++ frames to the message
        List<String> lines = message == null ? List.of() : message.lines().toList();
        String first = lines.isEmpty() ? "" : lines.get(0);
        return expected(failure) && !first.isEmpty()
                ? first
                : (failure.getClass().getSimpleName() + " " + first).strip();
    }
}
