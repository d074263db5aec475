package org.loft4j.cli;

import java.util.Comparator;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.HubEnvironment;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The keys of a configuration file. An option's key is the name that Hugging Face's trainers and PEFT give to the setting;
 * where they have none, it is the option itself with underscores.
 */
record ConfigKeys(Set<String> keys) {
    private static final Map<String, String> HUGGING_FACE = Map.ofEntries(
            Map.entry("--model", "model_name_or_path"),
            Map.entry("--output", "output_dir"),
            Map.entry("--data", "train_file"),
            Map.entry("--eval-data", "validation_file"),
            Map.entry("--shuffle-buffer", "shuffle_buffer_size"),
            Map.entry("--rank", "r"),
            Map.entry("--alpha", "lora_alpha"),
            Map.entry("--dropout", "lora_dropout"),
            Map.entry("--rslora", "use_rslora"),
            Map.entry("--epochs", "num_train_epochs"),
            Map.entry("--batch-size", "per_device_train_batch_size"),
            Map.entry("--eval-batch-size", "per_device_eval_batch_size"),
            Map.entry("--accumulate", "gradient_accumulation_steps"),
            Map.entry("--schedule", "lr_scheduler_type"),
            Map.entry("--beta1", "adam_beta1"),
            Map.entry("--beta2", "adam_beta2"),
            Map.entry("--eps", "adam_epsilon"),
            Map.entry("--metric-for-best", "metric_for_best_model"),
            Map.entry("--load-best", "load_best_model_at_end"),
            Map.entry("--resume", "resume_from_checkpoint"));

    /** Other names that the field has for a setting. */
    private static final Map<String, String> ALIASES = Map.ofEntries(
            Map.entry("torch_dtype", "dtype"),
            Map.entry("max_seq_length", "max_length"),
            Map.entry("rank", "r"),
            Map.entry("lora_r", "r"),
            Map.entry("alpha", "lora_alpha"),
            Map.entry("model", "model_name_or_path"));

    /** Options that say how to call, and are no settings. */
    private static final Set<String> NONE =
            Set.of("--config", "--help", "--version", "--verbose", "--json", "--report-only", "--dry-run", "--schema");

    /** Stands between texts that may hold any character a person writes, commas too. */
    static final String WHOLE_TEXTS = "\u001f";

    private static final Set<String> OF_WHOLE_TEXTS = Set.of("sample_prompt");

    /** What stands between the elements of a list. */
    static String separator(String key) {
        return OF_WHOLE_TEXTS.contains(key) ? WHOLE_TEXTS : ",";
    }

    /** Read when they are asked for first: most calls have no file. */
    private static final class All {
        private static final ConfigKeys KEYS = read();

        private static ConfigKeys read() {
            Set<String> keys = new TreeSet<>();
            visit(Loft.commandLine(HubEnvironment::ofUser), (key, option) -> keys.add(key));
            return new ConfigKeys(keys);
        }
    }

    /** The keys of all verbs. */
    static ConfigKeys all() {
        return All.KEYS;
    }

    /** Shows every option that has a key, verb by verb, those of verbs inside of verbs too. */
    static void visit(CommandLine root, BiConsumer<String, OptionSpec> visitor) {
        for (CommandLine verb : root.getSubcommands().values()) {
            for (OptionSpec option : verb.getCommandSpec().options()) {
                String key = key(option);
                if (key != null) {
                    visitor.accept(key, option);
                }
            }
            visit(verb, visitor);
        }
    }

    /** Other names of keys, each with the key that it means. */
    static Map<String, String> aliases() {
        return ALIASES;
    }

    /** The key of an option, or null if it has none. */
    static @Nullable String key(OptionSpec option) {
        String name = option.longestName();
        if (NONE.contains(name)) {
            return null;
        }
        return HUGGING_FACE.getOrDefault(name, name.substring(2).replace('-', '_'));
    }

    /** The key that this one means: itself, unless it is another name for it. */
    static String canonical(String key) {
        return ALIASES.getOrDefault(key, key);
    }

    /** The key that a wrong one was most likely meant to be. */
    String nearest(String wrong) {
        return keys.stream()
                .min(Comparator.comparingInt(key -> distance(wrong, key)))
                .orElse("");
    }

    /** Number of insertions, deletions and substitutions from one word to the other (Levenshtein). */
    static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substituted, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
