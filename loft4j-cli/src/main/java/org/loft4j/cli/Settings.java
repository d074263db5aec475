package org.loft4j.cli;

import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.LossOn;
import org.loft4j.data.RowFormat;
import org.loft4j.io.AtomicFiles;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.optim.Schedule;
import org.loft4j.train.Method;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The settings of a call as {@code --config} reads them again. */
final class Settings {
    /** Said once, for one call. */
    private static final Set<String> NOT_KEPT = Set.of("--resume", "--overwrite", "--ui");

    private Settings() {}

    /**
     * Writes all settings of a call, defaults included. What it left to its method, or to others, is told in comments: where a
     * further call has another method, it is that one's to say.
     *
     * @param resolved what became of settings, by key: in better words, or of those that the call left open
     */
    static void write(Path file, CommandSpec spec, Map<String, ?> resolved) throws IOException {
        write(file, spec, resolved, Set.of());
    }

    /** Whether a file is what {@link #write} would leave of a call: another one may have left its own there since. */
    static boolean are(Path file, CommandSpec spec, Map<String, ?> resolved) throws IOException {
        return Files.exists(file) && Files.readString(file).equals(text(spec, resolved, Set.of()));
    }

    /** @param left keys of further settings that the call left open, though options have a default for them */
    static void write(Path file, CommandSpec spec, Map<String, ?> resolved, Set<String> left) throws IOException {
        AtomicFiles.write(file, text(spec, resolved, left).getBytes(StandardCharsets.UTF_8));
    }

    private static String text(CommandSpec spec, Map<String, ?> resolved, Set<String> left) throws IOException {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (OptionSpec option : spec.options()) {
            String key = ConfigKeys.key(option);
            Object value = option.getValue();
            if (key != null && value != null && !NOT_KEPT.contains(option.longestName())) {
                tree.put(key, plain(value));
            }
        }
        Map<String, Object> open = new LinkedHashMap<>();
        resolved.forEach((key, value) -> (left.contains(key) || isOpen(tree.get(key)) ? open : tree).put(key, value));
        tree.keySet().removeAll(open.keySet());
        tree.keySet().removeAll(left);
        String told = open.isEmpty() ? "" : "# left open by the call:\n" + comment(yaml(open));
        return yaml(tree) + told;
    }

    /** Whether a file holds the settings of a call with such an output directory. */
    static boolean areOf(Path file, Path output) {
        try {
            return Files.isRegularFile(file)
                    && new YAMLMapper()
                            .readTree(Files.readString(file))
                            .path("output_dir")
                            .asText()
                            .equals(output.toString());
        } catch (IOException e) {
            return false;
        }
    }

    /** Whether a call leaves it to others what a setting is. */
    static boolean isOpen(@Nullable Object value) {
        return value == null || value.equals(List.of());
    }

    /** Lines that a file only tells. */
    static String comment(String yaml) {
        return yaml.lines().map(line -> "# " + line + "\n").collect(Collectors.joining());
    }

    /** Settings as a file holds them. */
    static String yaml(Map<String, ?> tree) throws IOException {
        return YAMLMapper.builder()
                .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
                .disable(YAMLGenerator.Feature.SPLIT_LINES)
                .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
                .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
                .build()
                .writeValueAsString(tree);
    }

    /** A value as a file spells it. */
    static Object plain(Object value) {
        if (value instanceof Method method) {
            return method.word();
        }
        if (value instanceof LoadIn loadIn) {
            return loadIn.word();
        }
        if (value instanceof RowFormat format) {
            return format.word();
        }
        if (value instanceof PreferenceLoss.Kind loss) {
            return loss.word();
        }
        if (value instanceof GrpoLoss.Kind loss) {
            return loss.word();
        }
        if (value instanceof GrpoLoss.Scale scale) {
            return scale.word();
        }
        if (value instanceof LossOn lossOn) {
            return lossOn.word();
        }
        if (value instanceof ProblemType type) {
            return type.word();
        }
        if (value instanceof Pooling || value instanceof Schedule.Kind) {
            return value.toString().toLowerCase(java.util.Locale.ROOT);
        }
        return value instanceof Number || value instanceof Boolean || value instanceof List ? value : value.toString();
    }
}
