package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** PEFT stores the frozen matrix of an adapted output embedding along with the factors. */
class PeftBaseLayerTest {
    private static final String FROZEN = "base_model.model.lm_head.base_layer.weight";

    @TempDir
    Path directory;

    private static Model model(Dtype dtype) {
        return new TinyModel(Task.CAUSAL_LM, dtype, false, 5);
    }

    /** Writes an adapter on the head, with another tensor in its file. */
    private void save(String name, Tensor tensor) throws IOException {
        LoraConfig config = LoraConfig.of(2, 4, TargetModules.names("up_proj", "lm_head"));
        try (Model model = model(Dtype.F32);
                LoraAdapter adapter = LoraAdapter.create(model, config, 1)) {
            PeftFiles.save(directory, adapter, model, new PeftMetadata("org/base", null));
            Map<String, Tensor> tensors = new LinkedHashMap<>(PeftFiles.tensors(adapter, model));
            tensors.put(name, tensor);
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
        }
    }

    private static Tensor head(Model model) {
        return model.weights().get("lm_head.weight").detach();
    }

    private int layers(Dtype dtype) throws IOException {
        try (Model model = model(dtype);
                LoraAdapter adapter = PeftFiles.load(directory, model)) {
            return adapter.layers().size();
        }
    }

    private String fault(Dtype dtype) {
        return String.valueOf(
                assertThrows(CheckpointException.class, () -> layers(dtype)).getMessage());
    }

    /** The types of file and model may differ: both are rounded from one matrix. */
    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F32", "BF16", "F16"})
    void thatOfTheModelIsLookedOver(Dtype dtype) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model whole = model(Dtype.F32)) {
            save(FROZEN, head(whole).to(dtype.scalarType()));
            assertEquals(3, layers(Dtype.F32));
            assertEquals(3, layers(Dtype.BF16));
        }
    }

    @Test
    void anotherOneIsRefused() throws IOException {
        try (NativeScope scope = new NativeScope();
                Model whole = model(Dtype.F32)) {
            Tensor other = head(whole).clone();
            other.select(0, 4).neg_();
            save(FROZEN, other);
            for (Dtype dtype : List.of(Dtype.F32, Dtype.BF16)) {
                String fault = fault(dtype);
                assertTrue(fault.contains(FROZEN + " is the frozen matrix that the adapter was trained on"), fault);
                assertTrue(fault.endsWith("; it is an adapter of org/base"), fault);
            }
            save(FROZEN, head(whole).narrow(0, 0, 7).contiguous());
            assertTrue(fault(Dtype.F32).contains(FROZEN + " must have shape (11, 6), found (7, 6)"), fault(Dtype.F32));
            String stray = FROZEN.replace("lm_head", "model.embed");
            save(stray, head(whole));
            assertTrue(fault(Dtype.F32).contains("have no place by its settings and the model: " + stray));
        }
    }

    @Test
    void itIsToldByTheFactorsBesideIt() throws IOException {
        try (NativeScope scope = new NativeScope();
                Model whole = model(Dtype.F32)) {
            save(FROZEN, head(whole));
        }
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve(PeftFiles.WEIGHTS))) {
            Set<String> names = file.names();
            assertEquals(
                    List.of(FROZEN),
                    names.stream()
                            .filter(name -> PeftFiles.isBaseLayer(name, names))
                            .toList());
        }
        String embedding = "base_model.model.model.embed_tokens";
        assertTrue(PeftFiles.isBaseLayer(embedding + ".base_layer.weight", Set.of(embedding + ".lora_embedding_A")));
    }
}
