package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class AdapterNamesTest {
    @TempDir
    Path directory;

    private static Model model(boolean tied) {
        return new TinyModel(Task.CAUSAL_LM, Dtype.F32, tied, 5);
    }

    /** Writes an adapter with another tensor in its file, and tries to read it. */
    private String fault(boolean tied, String extra) throws IOException {
        return fault(
                tied,
                tensors -> tensors.put(
                        extra, Tensors.zeros(Dtype.F32, DeviceSpec.CPU, TinyModel.VOCABULARY, TinyModel.HIDDEN)));
    }

    private String fault(boolean tied, Consumer<Map<String, Tensor>> change) throws IOException {
        LoraConfig config = LoraConfig.of(2, 4, TargetModules.allLinear());
        try (Model model = model(tied);
                LoraAdapter adapter = LoraAdapter.create(model, config, 1);
                NativeScope scope = new NativeScope()) {
            PeftFiles.save(directory, adapter, model, new PeftMetadata("org/base", null));
            Map<String, Tensor> tensors = new LinkedHashMap<>(PeftFiles.tensors(adapter, model));
            change.accept(tensors);
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
        }
        try (Model model = model(tied)) {
            return String.valueOf(assertThrows(CheckpointException.class, () -> PeftFiles.load(directory, model))
                    .getMessage());
        }
    }

    /** The first as PEFT writes it for {@code modules_to_save} lm_head, which is a parameter of its own there. */
    @ParameterizedTest
    @CsvSource({
        "true, base_model.model.lm_head.weight, The output embedding of this model is its input embedding",
        "true, base_model.model.model.embed.lora_embedding_A, Low-rank factors of an embedding cannot be read",
        "false, base_model.model.model.embed.lora_embedding_B, Low-rank factors of an embedding cannot be read",
    })
    void whatPeftHasAndTheModelHasNoPlaceForIsExplained(boolean tied, String extra, String why) throws IOException {
        String fault = fault(tied, extra);
        assertTrue(fault.contains("no place by its settings and the model: " + extra + ". " + why), fault);
        assertTrue(fault.endsWith("; it is an adapter of org/base"), fault);
    }

    @Test
    void whatNobodyKnowsIsNamedAlone() throws IOException {
        String fault = fault(false, "base_model.model.model.embed.bias");
        assertTrue(fault.endsWith("the model: base_model.model.model.embed.bias; it is an adapter of org/base"), fault);
        assertEquals(-1, fault.indexOf("missing"), fault);
    }

    /** As a training leaves them that has run away. */
    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.NEGATIVE_INFINITY})
    void valuesThatAreNoNumbersAreRefused(double value) throws IOException {
        String name = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight";
        String fault = fault(false, tensors -> {
            Tensor broken = Objects.requireNonNull(tensors.get(name)).detach().clone();
            broken.select(0, 0).select(0, 1).fill_(new Scalar(value));
            tensors.put(name, broken);
        });
        assertTrue(fault.contains("tensor " + name + " has values that are no numbers, or infinite: "), fault);
    }
}
