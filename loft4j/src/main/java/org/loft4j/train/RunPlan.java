package org.loft4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.Examples;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Engine;

/**
 * What a run is: its length, and everything that a resumed run must have in common with the one that was stopped.
 *
 * @param stepsPerEpoch optimizer steps of one pass over the data
 * @param totalSteps optimizer steps of the run
 * @param settings configuration, adapter, model and a checksum of the data, by name
 */
record RunPlan(long stepsPerEpoch, long totalSteps, Map<String, Object> settings) {
    private static final System.Logger LOG = System.getLogger(RunPlan.class.getName());

    static RunPlan of(TrainConfig config, Model model, Trainable trainable, TrainData data) {
        long batches = ceilDiv(data.train().size(), config.batchSize());
        long stepsPerEpoch = ceilDiv(batches, config.gradientAccumulationSteps());
        long totalSteps = config.maxSteps() > 0 ? config.maxSteps() : config.epochs() * stepsPerEpoch;
        Map<String, Object> settings = new LinkedHashMap<>(config.toMap());
        var adapter = trainable.adapter();
        settings.put("adapter", adapter == null ? "none" : adapter.config().toString());
        settings.put("model_type", model.description().family());
        settings.put(
                "model_dtype", model.weights().precision(model.description().dtype()));
        settings.put("model_elements", model.weights().elements());
        settings.put("device", model.description().device().toString());
        settings.put("threads", Engine.threads());
        settings.put("train_data", data.train().fingerprint());
        Examples eval = data.eval();
        settings.put("eval_data", eval == null ? "none" : eval.fingerprint());
        return new RunPlan(stepsPerEpoch, totalSteps, settings);
    }

    private static long ceilDiv(long a, long b) {
        return (a + b - 1) / b;
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
        Path file = checkpoint.resolve(RunState.FILE);
        JsonObject saved = Json.read(file).requireObject("plan");
        List<String> differences = new ArrayList<>();
        for (Map.Entry<String, Object> setting : settings.entrySet()) {
            JsonNode node = saved.node(setting.getKey());
            String before = node == null ? "missing" : node.asText();
            String now = String.valueOf(setting.getValue());
            if (before.equals(now) || TrainConfig.FREE_ON_RESUME.contains(setting.getKey())) {
                continue;
            }
            String difference = setting.getKey() + " was " + before + " and is now " + now;
            if (setting.getKey().equals("threads")) {
                LOG.log(System.Logger.Level.WARNING, difference + ": sums may round differently");
            } else {
                differences.add(difference);
            }
        }
        if (!differences.isEmpty()) {
            throw new ConfigException("cannot resume from " + checkpoint + ": " + String.join("; ", differences)
                    + "; use the settings of the run, or another output directory");
        }
    }
}
