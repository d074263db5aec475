package org.loft4j.export;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.TensorPlace.Change;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.GgufTensor;
import org.loft4j.io.GgufType;
import org.loft4j.io.GgufWriter;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorSource;
import org.loft4j.tensor.Dtype;

/**
 * Exports an adapter alone to a GGUF file for llama.cpp's {@code --lora}. llama.cpp computes {@code W·x + alpha/r·B·(A·x)} with
 * one alpha for the file and r the length of each B's rows. Where a layer's scale is another one (rsLoRA, patterns of ranks
 * and alphas) the quotient of the two is multiplied into its B.
 */
public final class GgufAdapter {
    private static final Pattern FACTOR = Pattern.compile("base_model\\.model\\.(.+)\\.lora_(A|B)\\.weight");

    private final TextConfig config;
    private final LoraConfig lora;
    private final TensorSource file;
    private final GgufType type;
    private final List<String> notes = new ArrayList<>();

    private GgufAdapter(TextConfig config, LoraConfig lora, TensorSource file, GgufType type) {
        this.config = config;
        this.lora = lora;
        this.file = file;
        this.type = type;
    }

    /**
     * Writes the file, atomically.
     *
     * @param adapter directory of the adapter, in PEFT's layout
     * @param base directory of the base model: its config.json, and the shapes of its tensors where they are there and not quantised
     * @param type of the factors
     * @throws ConfigException for DoRA, modules that are saved in full, and layers that llama.cpp adapts in no model of the
     *     architecture: these must be merged
     * @throws CheckpointException for layers that the base does not have, or has of another size, and an output embedding that has no tensor of its own
     */
    public static ExportReport write(Path adapter, Path base, GgufType type, Path output) throws IOException {
        PeftConfig peft = PeftFiles.readConfig(adapter);
        refuse(adapter, peft.lora());
        TextConfig config = TextConfig.read(base);
        try (TensorSource file = PeftFiles.open(adapter)) {
            return new GgufAdapter(config, peft.lora(), file, type).write(adapter, base, output);
        }
    }

    private static void refuse(Path adapter, LoraConfig lora) {
        String remedy = "; export it merged into its model (loft export --model DIR --adapter DIR)";
        if (lora.useDora()) {
            throw new ConfigException(adapter + ": a GGUF adapter cannot hold DoRA's magnitudes" + remedy);
        }
        if (!lora.targetParameters().isEmpty()) {
            throw new ConfigException(adapter + ": a GGUF adapter has no place for the factors of one expert ("
                    + String.join(", ", lora.targetParameters()) + ")" + remedy);
        }
        if (!lora.modulesToSave().isEmpty()) {
            throw new ConfigException(adapter + ": a GGUF adapter cannot hold modules that are saved in full ("
                    + String.join(", ", lora.modulesToSave()) + ")" + remedy);
        }
    }

    /** Of another base the factors make a file that no program can put on this one. */
    private void requireFits(Path adapter, Path base) throws IOException {
        JsonObject baseConfig = Json.read(base.resolve("config.json"));
        if (!ModelDirectory.exists(base) || TextConfig.isQuantised(baseConfig)) {
            return;
        }
        Notes notes = new Notes();
        JsonObject settings = Json.read(adapter.resolve(PeftFiles.CONFIG));
        AdapterOnBase.check(base, baseConfig, settings, lora, file.names(), AdapterTensors.pairs(file), notes);
        for (Finding found : notes.diagnosis("adapter").of(Finding.Consumer.LLAMA_CPP)) {
            if (found.severity() == Finding.Severity.REFUSED) {
                throw new CheckpointException(file.path(), found.what() + "; " + found.remedy());
            }
        }
    }

    private ExportReport write(Path adapter, Path base, Path output) throws IOException {
        AdapterPlaces places = new AdapterPlaces(config);
        Map<String, List<TensorPlace>> paths = new TreeMap<>();
        for (String name : file.names()) {
            if (PeftFiles.isBaseLayer(name, file.names())) {
                continue;
            }
            Matcher factor = FACTOR.matcher(name);
            if (!factor.matches()) {
                throw new CheckpointException(
                        file.path(),
                        "tensor " + name + " is no factor of a linear layer, and a GGUF"
                                + " adapter holds nothing else; export it merged into its model");
            }
            String path = factor.group(1);
            AdapterPlaces.Fault fault = places.fault(path);
            if (fault != null) {
                if (!fault.merges()) {
                    throw new CheckpointException(file.path(), fault.what());
                }
                throw new ConfigException(adapter + ": " + fault.what() + "; export it merged into its model");
            }
            paths.put(path, places.of(path));
        }
        requireFits(adapter, base);
        double alpha = alpha(paths.keySet().iterator());
        List<GgufTensor> tensors = new ArrayList<>();
        for (Map.Entry<String, List<TensorPlace>> entry : paths.entrySet()) {
            for (TensorPlace place : entry.getValue()) {
                add(tensors, entry.getKey(), place, alpha);
            }
        }
        if (config.tied() && tensors.stream().anyMatch(tensor -> tensor.name().startsWith("output."))) {
            notes.add(
                    "it goes with a model that 'loft export' wrote, which has the tied output embedding as a tensor of its own:"
                            + " to a model without one llama.cpp applies no such adapter");
        }
        if (config.liesBesideTower()) {
            notes.add(
                    "it goes with a model that 'loft export' wrote, which is "
                            + config.architecture().key()
                            + " to llama.cpp: to its own converter the same model is another architecture, which takes no such adapter");
        }
        GgufMetadata metadata = new GgufMetadata();
        metadata.text("general.architecture", config.architecture().key());
        metadata.text("general.type", "adapter");
        metadata.text("general.name", GgufName.of(adapter));
        metadata.count("general.base_model.count", 1);
        metadata.text("general.base_model.0.name", GgufName.of(base));
        metadata.count("general.file_type", type.fileType());
        metadata.count("general.quantization_version", 2);
        metadata.text("adapter.type", "lora");
        metadata.number("adapter.lora.alpha", alpha);
        long bytes = GgufWriter.write(output, metadata, tensors);
        Map<String, Integer> counts = new TreeMap<>();
        tensors.forEach(tensor -> counts.merge(tensor.type().name(), 1, Integer::sum));
        return new ExportReport(output, config.architecture().key(), bytes, counts, notes);
    }

    /** The alpha with which the first layer needs no correction. */
    private double alpha(java.util.Iterator<String> paths) throws CheckpointException {
        if (!paths.hasNext()) {
            throw new CheckpointException(file.path(), "holds no tensor");
        }
        String path = paths.next();
        return (float) (lora.scaleOf(path) * lora.rankOf(path));
    }

    private void add(List<GgufTensor> tensors, String path, TensorPlace place, double alpha)
            throws CheckpointException {
        String a = "base_model.model." + path + ".lora_A.weight";
        String b = "base_model.model." + path + ".lora_B.weight";
        long[] shapeA = file.info(a).shape();
        long[] shapeB = file.info(b).shape();
        int rank = lora.rankOf(path);
        if (shapeA.length != 2 || shapeB.length != 2 || shapeA[0] != rank || shapeB[1] != rank) {
            throw new CheckpointException(
                    file.path(),
                    "the factors of " + path + " must have rank " + rank + " by " + PeftFiles.CONFIG + ", found "
                            + file.info(a) + " and " + file.info(b));
        }
        double correction = lora.scaleOf(path) * rank / alpha;
        Change change = place.change();
        boolean half = change == Change.FIRST_ROWS || change == Change.LAST_ROWS;
        long[] rows = {shapeB[0] / (half ? 2 : 1), shapeB[1]};
        tensors.add(new GgufTensor(
                place.name() + ".lora_a", shapeA, chosen(shapeA), () -> config.reorderedColumns(file.read(a), change)));
        tensors.add(new GgufTensor(
                place.name() + ".lora_b", rows, chosen(rows), () -> factorB(file.read(b), change, correction)));
    }

    private GgufType chosen(long[] shape) {
        return type.fits(shape[1]) ? type : GgufType.F16;
    }

    private Tensor factorB(Tensor b, Change change, double correction) throws CheckpointException {
        // the factors of a transposed matrix are not transposed: B·A is (out, in) for every family
        Tensor rows = config.reorderedRows(b, change);
        boolean same = Math.abs(correction - 1) < 1e-7;
        return same
                ? rows
                : rows.to(Dtype.F64.scalarType()).mul(new Scalar(correction)).to(Dtype.F32.scalarType());
    }
}
