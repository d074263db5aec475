package org.loft4j.cli;

import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.HubEnvironment;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The keys of a configuration file. An option's key is the name that Hugging Face's trainers and PEFT give to the setting;
 * where they have none, it is the option itself with underscores.
 *
 * @param verbs of each key, those that have it
 */
record ConfigKeys(Map<String, Set<String>> verbs) {
    private static final String TESTED = "test_file";

    private static final Map<String, String> HUGGING_FACE = Map.ofEntries(
            Map.entry("--model", "model_name_or_path"),
            Map.entry("--data", "train_file"),
            Map.entry("--eval-data", "validation_file"),
            Map.entry("--test-data", TESTED),
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
            Map.entry("--label-smoothing", "label_smoothing_factor"),
            Map.entry("--preference-loss", "loss_type"),
            Map.entry("--preference-beta", "beta"),
            Map.entry("--beta1", "adam_beta1"),
            Map.entry("--beta2", "adam_beta2"),
            Map.entry("--eps", "adam_epsilon"),
            Map.entry("--metric-for-best", "metric_for_best_model"),
            Map.entry("--load-best", "load_best_model_at_end"),
            Map.entry("--resume", "resume_from_checkpoint"));

    /** The verbs whose {@code --output} is a run, or several: what others write is no setting, and is said in the call. */
    private static final Set<String> RUNNING = Set.of("train", "compare", "demo");

    /** The verbs whose {@code --data} is not what a run learns from: one file of settings serves training and these. */
    private static final Set<String> READING = Set.of("eval", "predict", "embed", "generate");

    /** What a training goes on from: in a file that serves other verbs too, {@code adapter} is what they judge and use. */
    private static final String STARTING = "starting_adapter";

    /** Other names that the field has for a setting. */
    private static final Map<String, String> ALIASES = Map.ofEntries(
            Map.entry("torch_dtype", "dtype"),
            Map.entry("min_lr_rate", "min_lr_ratio"),
            Map.entry("rpo_alpha", "sft_weight"),
            Map.entry("max_seq_length", "max_length"),
            Map.entry("rank", "r"),
            Map.entry("lora_r", "r"),
            Map.entry("alpha", "lora_alpha"),
            Map.entry("test_data", TESTED),
            Map.entry("model", "model_name_or_path"));

    /** What other tools call a setting, whose values may be others: it is named where they are tried. */
    private static final Map<String, String> ELSEWHERE = Map.ofEntries(
            Map.entry("cutoff_len", "max_length"),
            Map.entry("sequence_len", "max_length"),
            Map.entry("dataset", "train_file"),
            Map.entry("lr", "learning_rate"),
            Map.entry("micro_batch_size", "per_device_train_batch_size"),
            Map.entry("qlora", "load_in"),
            Map.entry("regression", "problem_type"),
            Map.entry("multi_label", "problem_type"),
            Map.entry("eval_split", "eval_share"),
            Map.entry("evaluation_strategy", "eval_steps"),
            Map.entry("test_size", "eval_share"),
            Map.entry("val_set_size", "eval_share"),
            Map.entry("val_size", "eval_share"),
            Map.entry("validation_split", "eval_share"));

    /** Options that say how to call, and are no settings. */
    private static final Set<String> NONE =
            Set.of("--config", "--help", "--version", "--verbose", "--json", "--report-only", "--dry-run", "--schema");

    /** Read when they are asked for first: most calls have no file. */
    private static final class All {
        private static final ConfigKeys KEYS = read();

        private static ConfigKeys read() {
            ConfigKeys keys = new ConfigKeys(new TreeMap<>());
            visit(Loft.commandLine(HubEnvironment::ofUser), keys::add);
            return keys;
        }
    }

    /** The keys of all verbs. */
    static ConfigKeys all() {
        return All.KEYS;
    }

    /** The keys of one verb. */
    static ConfigKeys of(CommandLine verb) {
        ConfigKeys keys = new ConfigKeys(new TreeMap<>());
        visitOptions(verb, keys::add);
        return keys;
    }

    /** Shows every option that has a key, verb by verb, those of verbs inside of verbs too. */
    static void visit(CommandLine root, BiConsumer<String, OptionSpec> visitor) {
        for (CommandLine verb : root.getSubcommands().values()) {
            visitOptions(verb, visitor);
            visit(verb, visitor);
        }
    }

    private static void visitOptions(CommandLine verb, BiConsumer<String, OptionSpec> visitor) {
        for (OptionSpec option : verb.getCommandSpec().options()) {
            String key = key(option);
            if (key != null) {
                visitor.accept(key, option);
            }
        }
    }

    private void add(String key, OptionSpec option) {
        verbs.computeIfAbsent(key, k -> new LinkedHashSet<>()).add(verb(option.command()));
    }

    /** A verb as it is called: {@code data check}. */
    static String verb(CommandSpec spec) {
        String name = spec.qualifiedName();
        return name.substring(name.indexOf(' ') + 1);
    }

    Set<String> keys() {
        return verbs.keySet();
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
        if (name.equals("--output")) {
            return RUNNING.contains(option.command().name()) ? "output_dir" : null;
        }
        if (name.equals("--data") && READING.contains(option.command().name())) {
            return TESTED;
        }
        if (name.equals("--adapter") && option.command().name().equals("train")) {
            return STARTING;
        }
        return usual(name);
    }

    /** The key of an option of that name, but for those that are another setting in some verbs. */
    static String usual(String option) {
        return HUGGING_FACE.getOrDefault(option, underscored(option));
    }

    /** The key that this one means: itself, unless it is another name for it. */
    static String canonical(String key) {
        return ALIASES.getOrDefault(key, key);
    }

    /** The key that a wrong one was most likely meant to be: nearly the same, or with a word in common; null if none is. */
    @Nullable
    String nearest(String wrong) {
        return nearest(wrong, name -> isNear(wrong, name) || common(wrong, name) > 0);
    }

    /** The key that is nearly the same, or null if none is. */
    @Nullable
    String near(String wrong) {
        return nearest(wrong, name -> isNear(wrong, name));
    }

    private @Nullable String nearest(String wrong, Predicate<String> likely) {
        return names().entrySet().stream()
                .filter(name -> likely.test(name.getKey()))
                .min(Comparator.comparingLong((Map.Entry<String, String> name) -> -common(wrong, name.getKey()))
                        .thenComparing(name -> !firstWord(wrong).equals(firstWord(name.getKey())))
                        .thenComparingInt(name -> distance(wrong, name.getKey())))
                .map(Map.Entry::getValue)
                .orElse(null);
    }

    /** All that a person may call the keys, options' names too, each with the key that it means. */
    private Map<String, String> names() {
        Map<String, String> names = new TreeMap<>();
        HUGGING_FACE.forEach((option, key) -> names.put(underscored(option), key));
        names.putAll(ELSEWHERE);
        ConfigFile.HALF.keySet().forEach(half -> names.put(half, "dtype"));
        names.putAll(ALIASES);
        keys().forEach(key -> names.put(key, key));
        names.values().retainAll(keys());
        return names;
    }

    private static boolean isNear(String a, String b) {
        return distance(a, b) <= a.length() / 3;
    }

    /** Number of words that both have. */
    private static long common(String a, String b) {
        Set<String> words = Set.copyOf(Arrays.asList(b.split("_")));
        return Arrays.stream(a.split("_"))
                .filter(word -> word.length() > 2 && words.contains(word))
                .count();
    }

    private static String firstWord(String name) {
        return name.split("_", 2)[0];
    }

    /** The word of an option with underscores in it. */
    static String underscored(String option) {
        return option.substring(2).replace('-', '_');
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
