package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A language that counts upwards, a Llama of some thousand parameters that can learn it, and settings for a short run. */
final class TinyRun {
    static final int VOCABULARY = 24;

    private TinyRun() {}

    static Model model() {
        return model(Dtype.F32);
    }

    static Model model(Dtype dtype) {
        // weights large enough for a frozen model to have features, as a pretrained one has
        DecoderConfig sizes =
                new DecoderConfig(VOCABULARY, 16, 2, 2, 1, 8, 24, 32, 1e-5, false, 0, 0.4, Activation.SILU, -1);
        LlamaConfig config = new LlamaConfig(sizes, Rope.plain(8, 10000), false, false, 0);
        return LlamaModel.random(config, DeviceSpec.CPU, dtype, 11);
    }

    /** Sequences of 4 to 12 tokens, each the successor of the one before. */
    static Dataset counting(int rows, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<int[]> sequences = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            int start = random.nextInt(VOCABULARY);
            int[] ids = new int[random.nextInt(4, 13)];
            for (int t = 0; t < ids.length; t++) {
                ids[t] = (start + t) % VOCABULARY;
            }
            sequences.add(ids);
        }
        return Dataset.causalLmIds(sequences);
    }

    static TrainData data() {
        return new TrainData(counting(50, 1), counting(12, 2), 0, 16);
    }

    static LoraConfig lora() {
        return new LoraConfig(4, 8, 0.1, TargetModules.allLinear(), null, false, List.of());
    }

    /** 7 micro-batches, of 8 rows and the last of 2, and two to a step but for the last: 4 steps an epoch, 24 in all. */
    static TrainConfig.Builder config(Method method) {
        return TrainConfig.builder(method)
                .epochs(6)
                .batchSize(8)
                .gradientAccumulationSteps(2)
                .learningRate(learningRate(method))
                .weightDecay(0.01)
                .seed(5)
                .loggingSteps(3)
                .evalSteps(4)
                .saveSteps(2);
    }

    private static double learningRate(Method method) {
        return switch (method) {
            case LOFT -> 3e-2;
            // B's is 16 times as much
            case LORA_PLUS -> 1e-2;
            default -> 5e-2;
        };
    }

    static TrainingRun open(Model model, TrainConfig config, Path output, OnExisting onExisting) throws IOException {
        return TrainingRun.open(model, data(), config, lora(), output, onExisting);
    }

    static TrainResult train(TrainConfig config, Path output, OnExisting onExisting, TrainListener... listeners)
            throws IOException {
        try (Model model = model();
                TrainingRun run = open(model, config, output, onExisting)) {
            for (TrainListener listener : listeners) {
                run.addListener(listener);
            }
            return run.run();
        }
    }

    /** The tensors of a file, as bits by name. */
    static Map<String, String> bits(Path safetensors) throws IOException {
        Map<String, String> bits = new LinkedHashMap<>();
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(safetensors)) {
            for (String name : new java.util.TreeSet<>(file.names())) {
                Tensor tensor = file.read(name);
                StringBuilder text = new StringBuilder(Dtype.of(tensor).name());
                for (double value : Tensors.toDoubles(tensor)) {
                    text.append(' ').append(Long.toHexString(Double.doubleToRawLongBits(value)));
                }
                bits.put(name, text.toString());
            }
        }
        return bits;
    }
}
