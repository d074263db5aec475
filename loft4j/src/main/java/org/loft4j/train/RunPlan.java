package org.loft4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Examples;
import org.loft4j.data.MatchPrompts;
import org.loft4j.data.StreamingDataset;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;
import org.loft4j.nn.Pooling;
import org.loft4j.tensor.Engine;

/**
 * What a run is: its length, and everything that a resumed run must have in common with the one that was stopped.
 *
 * @param stepsPerEpoch optimizer steps of one pass over the data
 * @param totalSteps optimizer steps of the run
 * @param settings configuration, adapter, model and a checksum of the data, by name; of rows that are read as they are learnt also
 *     what makes tokens of them
 */
record RunPlan(long stepsPerEpoch, long totalSteps, Map<String, Object> settings) {
    private static final String ADAPTER = "adapter";
    private static final String BASE = "base_model";
    private static final String LABELS = "labels";
    private static final String START = "starting_adapter";
    private static final String NONE = "none";
    private static final String ROWS = "train_data";
    private static final String REWARDS = "rewards";

    /** Beside {@link #BASE}, what earlier versions did not write down: a run of theirs goes on with a warning. */
    private static final Set<String> ADDED = Set.of(BASE, "pooling", LABELS, "max_length", "tokenizer", "chat_format");

    private static final System.Logger LOG = System.getLogger(RunPlan.class.getName());

    /** Where the next component of a record begins, in its words. */
    private static final Pattern COMPONENT = Pattern.compile(", (?=[a-zA-Z]+=)");

    /** The settings that may differ between a run and its resumption: they change neither weights nor metrics. */
    private static final Set<String> FREE_ON_RESUME = Set.of(
            "save_steps",
            "save_total_limit",
            "gradient_checkpointing",
            "divergence_factor",
            "save_in_background",
            "diagnostics_steps");

    /** What changes neither where evaluations choose nothing. */
    private static final Set<String> BY_CHOICE = Set.of("eval_steps", "metric_for_best_model");

    /** The settings that change nothing but the order of sums. */
    private static final Set<String> ROUNDING = Set.of("threads", "per_device_eval_batch_size");

    /** What settings were in runs from before there was a choice, which do not name them. */
    private static final Map<String, Object> UNNAMED = unnamed();

    /** What may be changed to go on from before a divergence. */
    private static final Set<String> REMEDIES = Set.of(
            "learning_rate",
            "head_learning_rate",
            "warmup_ratio",
            "warmup_steps",
            "lr_scheduler_type",
            "min_lr_ratio",
            "max_grad_norm",
            "weight_decay");

    private static final String QUERY_PROMPT = "query_prompt";
    private static final String DOCUMENT_PROMPT = "document_prompt";

    private static Map<String, Object> unnamed() {
        Map<String, Object> settings = new HashMap<>(PeerSettings.defaults().toMap());
        settings.put("warmup_steps", 0);
        settings.put("min_lr_ratio", 0.0);
        settings.put(START, NONE);
        settings.putAll(LossSettings.defaults().toMap());
        settings.put(REWARDS, NONE);
        settings.put(QUERY_PROMPT, quoted(""));
        settings.put(DOCUMENT_PROMPT, quoted(""));
        return Map.copyOf(settings);
    }

    /** So that blanks at its ends, and nothing at all, are seen. */
    private static String quoted(String prompt) {
        return '"' + prompt + '"';
    }

    /** @param start the adapter that the run goes on from; null for none */
    static RunPlan of(
            TrainConfig config,
            Model model,
            Trainable trainable,
            TrainData data,
            BaseFiles base,
            @Nullable StartingAdapter start) {
        RunLength length = RunLength.of(config, data.train());
        Map<String, Object> settings = new LinkedHashMap<>(config.toMap());
        var adapter = trainable.adapter();
        settings.put(ADAPTER, adapter == null ? NONE : adapter.config().toString());
        settings.put("model_type", model.description().family());
        settings.put(
                "model_dtype", model.weights().precision(model.description().dtype()));
        settings.put("model_elements", model.weights().elements());
        settings.put(BASE, base.fingerprint());
        settings.put(START, start == null ? NONE : start.fingerprint());
        Pooling pooling = model.description().pooling();
        settings.put("pooling", pooling == null ? NONE : pooling.name().toLowerCase(Locale.ROOT));
        List<String> labels = model.description().labels();
        settings.put(LABELS, labels.isEmpty() ? NONE : String.join(", ", labels));
        if (model.imageShape() == null) {
            settings.put("max_length", data.maxLength());
        }
        settings.put("device", model.description().device().toString());
        settings.put("threads", Engine.threads());
        MatchPrompts prompts = RunNotes.prompts(data);
        settings.put(QUERY_PROMPT, quoted(prompts.query()));
        settings.put(DOCUMENT_PROMPT, quoted(prompts.document()));
        settings.put(ROWS, data.train().fingerprint());
        if (data.train() instanceof StreamingDataset) {
            // the checksum of such rows knows only of the first of them what they become
            settings.put("tokenizer", base.tokenizer());
            settings.put("chat_format", described(data.train().chatFormat()));
        }
        settings.put(REWARDS, data.rewards() == null ? NONE : data.rewards().described());
        Examples eval = data.eval();
        settings.put("eval_data", eval == null ? NONE : eval.fingerprint());
        return new RunPlan(length.stepsPerEpoch(), length.totalSteps(), settings);
    }

    /** What conversations are written by, in words; but for the date, which shows in the first rows if it shows at all. */
    private static String described(@Nullable ChatFormat format) {
        if (format == null) {
            return NONE;
        }
        CRC32C crc = new CRC32C();
        crc.update(String.valueOf(format.template().source()).getBytes(StandardCharsets.UTF_8));
        return "template of crc32c " + Long.toHexString(crc.getValue()) + " with " + new TreeMap<>(format.variables())
                + ", loss on " + format.lossOn().word() + (format.wrapPrompts() ? ", prompts as turns" : "");
    }

    /** How many passes over the data are behind after a step. */
    double epoch(long step) {
        return (double) step / stepsPerEpoch;
    }

    /**
     * Refuses to go on with other settings than those of the saved run, since the result would be that of neither.
     *
     * @throws ConfigException that names each difference
     */
    void requireSame(Path checkpoint) throws CheckpointException {
        requireSame(checkpoint, Set.of());
    }

    /** The same, but for the settings that may cure a divergence. */
    void requireSameButRemedies(Path checkpoint) throws CheckpointException {
        requireSame(checkpoint, REMEDIES);
    }

    /** Whether a setting that may cure a divergence is another than that of the run that diverged. */
    boolean hasRemedy(Path diverged) throws CheckpointException {
        return differences(diverged).stream().anyMatch(REMEDIES::contains);
    }

    private List<String> differences(Path saved) throws CheckpointException {
        JsonObject plan = Json.read(saved.resolve(RunState.FILE)).requireObject("plan");
        return settings.keySet().stream()
                .filter(key -> !before(plan, key).equals(String.valueOf(settings.get(key))))
                .toList();
    }

    /** The fingerprint of the model that the run of a directory began with; empty where none was written down. */
    static String baseFiles(Path saved) throws CheckpointException {
        JsonNode base =
                Json.read(saved.resolve(RunState.FILE)).requireObject("plan").node(BASE);
        return base == null ? "" : base.asText();
    }

    private static String before(JsonObject plan, String key) {
        JsonNode node = plan.node(key);
        return node == null ? String.valueOf(UNNAMED.getOrDefault(key, "missing")) : node.asText();
    }

    private void requireSame(Path checkpoint, Set<String> free) throws CheckpointException {
        JsonObject saved = Json.read(checkpoint.resolve(RunState.FILE)).requireObject("plan");
        List<String> differences = new ArrayList<>();
        List<String> unknown = new ArrayList<>();
        for (String key : differences(checkpoint)) {
            if (free.contains(key) || FREE_ON_RESUME.contains(key) || (choosesNothing() && BY_CHOICE.contains(key))) {
                continue;
            }
            String difference = difference(key, before(saved, key));
            if (ROUNDING.contains(key)) {
                LOG.log(System.Logger.Level.WARNING, difference + ": sums may round differently");
            } else if (ADDED.contains(key) && saved.node(key) == null) {
                unknown.add(key);
            } else {
                differences.add(difference);
            }
        }
        if (!differences.isEmpty()) {
            throw new ConfigException("cannot resume from " + checkpoint + ": " + String.join("; ", differences)
                    + "; use the settings of the run, or another output directory");
        }
        if (!unknown.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    checkpoint + " is of an earlier version and does not say what these were: "
                            + String.join(", ", unknown) + "; see to it that they are the same");
        }
    }

    /** Whether evaluations on the way neither end the run nor choose its weights. */
    private boolean choosesNothing() {
        return Boolean.FALSE.equals(settings.get("load_best_model_at_end"))
                && "0".equals(String.valueOf(settings.get("early_stopping_patience")));
    }

    private String difference(String key, String before) {
        String now = String.valueOf(settings.get(key));
        return switch (key) {
            case ADAPTER -> ofAdapters(before, now);
            // of a thousand classes the first
            case LABELS -> key + " were " + Shown.text(before) + " and are now " + Shown.text(now);
            case ROWS ->
                was(key, before, now)
                        + (isStreamed(before) == isStreamed(now)
                                ? ""
                                : ", for rows " + (isStreamed(now) ? "are" : "were") + " streamed "
                                        + (isStreamed(now) ? "now" : "then") + " (--streaming)");
            default -> was(key, before, now);
        };
    }

    private static String was(String key, String before, String now) {
        return key + " was " + before + " and is now " + now;
    }

    private static boolean isStreamed(String fingerprint) {
        return fingerprint.contains(StreamingDataset.SHUFFLED);
    }

    /** Those of their settings that differ; both are a record in words, {@code LoraConfig[rank=4, alpha=8.0, …]}. */
    private static String ofAdapters(String before, String now) {
        Map<String, String> was = components(before);
        Map<String, String> is = components(now);
        if (!was.keySet().equals(is.keySet())) {
            return "adapter was " + before + " and is now " + now;
        }
        return is.keySet().stream()
                .filter(name -> !Objects.equals(was.get(name), is.get(name)))
                .map(name -> "the adapter's " + name + " was " + was.get(name) + " and is now " + is.get(name))
                .collect(Collectors.joining("; "));
    }

    private static Map<String, String> components(String record) {
        Map<String, String> components = new LinkedHashMap<>();
        String inside = record.substring(record.indexOf('[') + 1);
        for (String component :
                COMPONENT.split(inside.endsWith("]") ? inside.substring(0, inside.length() - 1) : inside)) {
            int equals = component.indexOf('=');
            components.put(component.substring(0, Math.max(0, equals)), component.substring(equals + 1));
        }
        return components;
    }
}
