package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** PEFT takes every module whose path ends in a name of {@code modules_to_save}, be that within a word. */
class SavedInFullTest {
    private static final String NORM = "base_model.model.model.layers.%d.input_layernorm.weight";

    @TempDir
    Path directory;

    private static Model model(String fixture, Task task) throws IOException {
        return Models.open(Fixture.directory(fixture), ModelOptions.of(task));
    }

    private List<String> saved(String fixture, Task task, List<String> modules) throws IOException {
        try (Model model = model(fixture, task);
                LoraAdapter adapter = LoraAdapter.create(
                        model, LoraConfig.of(2, 4, TargetModules.allLinear()).withModulesToSave(modules), 1)) {
            PeftFiles.save(directory, adapter, model, new PeftMetadata("org/base", null));
            Set<String> tensors = Set.copyOf(adapter.savedModules().keySet());
            adapter.detach();
            try (LoraAdapter again = PeftFiles.load(directory, model)) {
                assertEquals(tensors, again.savedModules().keySet());
            }
            return Json.read(directory.resolve(PeftFiles.CONFIG)).strings("modules_to_save");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama_gqa, norm, model.norm",
        "llama_gqa, input_layernorm, input_layernorm",
        "llama_gqa, embed_tokens, embed_tokens",
    })
    void aNameThatMeansMoreToPeftIsWrittenAsWholePaths(String fixture, String name, String written) throws IOException {
        assertEquals(List.of("lm_head", written), saved(fixture, Task.CAUSAL_LM, List.of("lm_head", name)));
    }

    /** DistilBERT's head is pre_classifier and classifier, of which the one ends as the other does; both are saved. */
    @Test
    void whatIsSavedAnywayNeedsNoOtherName() throws IOException {
        List<String> written = saved("distilbert_cls", Task.SEQUENCE_CLASSIFICATION, List.of("classifier"));
        assertTrue(written.contains("classifier"), written.toString());
    }

    /** A head that the base lacks is named by its parts, which are then in it: PEFT loads none within another. */
    @ParameterizedTest
    @CsvSource({
        "roberta_cls, classifier.dense, classifier.out_proj, classifier",
        "electra_cls, classifier.dense, classifier.out_proj, classifier",
        "mpnet_cls, classifier.dense, classifier.out_proj, classifier",
        "modernbert_cls, head.dense, head.norm, 'classifier,head'",
    })
    void whatLiesInASavedModuleIsNotNamedBesideIt(String fixture, String one, String other, String written)
            throws IOException {
        List<String> names = saved(fixture, Task.SEQUENCE_CLASSIFICATION, List.of(one, other));
        assertEquals(Set.of(written.split(",")), Set.copyOf(names));
    }

    /** By the words of the settings a run is resumed, and files of before name what is within beside the whole. */
    @Test
    void namesWithinAnotherStayInTheSettingsAndAreNotWritten() throws IOException {
        List<String> nested = List.of("classifier.dense", "classifier.out_proj", "classifier");
        PeftMetadata metadata = new PeftMetadata("org/base", null);
        try (Model model = model("roberta_cls", Task.SEQUENCE_CLASSIFICATION)) {
            LoraConfig parts =
                    LoraConfig.of(2, 4, TargetModules.names("query")).withModulesToSave(nested.subList(0, 2));
            try (LoraAdapter adapter = LoraAdapter.create(model, parts, 1)) {
                assertEquals(nested, adapter.config().modulesToSave());
                PeftFiles.save(directory, adapter, model, metadata);
            }
            Path file = directory.resolve(PeftFiles.CONFIG);
            ObjectNode old = Json.read(file).toTree();
            nested.forEach(old.putArray("modules_to_save")::add);
            Json.write(file, old);
            try (LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertEquals(nested, adapter.config().modulesToSave());
                PeftFiles.save(directory, adapter, model, metadata);
            }
            assertEquals(List.of("classifier"), Json.read(file).strings("modules_to_save"));
        }
    }

    @Test
    void ofANameThatIsPartlyWithinAnotherTheRestIsWritten() throws IOException {
        assertEquals(
                List.of("layers.0", "model.layers.1.input_layernorm"),
                saved("llama_gqa", Task.CAUSAL_LM, List.of("layers.0", "input_layernorm")));
    }

    /** PEFT adapts a part of ModernBERT's head and saves another, or has only that. */
    @ParameterizedTest
    @CsvSource({"head.dense, 32", "model.layers.0.attn.Wqkv, 96"})
    void aPartOfAHeadIsNotTheWhole(String adapted, int rows) throws IOException {
        try (Model model = model("modernbert_cls", Task.SEQUENCE_CLASSIFICATION);
                NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            String module = PeftFiles.PREFIX + adapted;
            tensors.put(module + ".lora_A.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2, 32));
            tensors.put(module + ".lora_B.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, rows, 2));
            model.weights().asMap().forEach((name, weight) -> {
                if (name.endsWith("norm.weight") || name.startsWith("classifier.")) {
                    tensors.put(PeftFiles.PREFIX + name, weight.detach().clone());
                }
            });
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
            Files.writeString(
                    directory.resolve(PeftFiles.CONFIG),
                    "{\"peft_type\": \"LORA\", \"task_type\": \"SEQ_CLS\", \"r\": 2, \"lora_alpha\": 4, \"target_modules\": [\""
                            + adapted + "\"], \"modules_to_save\": [\"norm\", \"classifier\"]}");
            try (LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertEquals(Set.of(adapted), adapter.layers().keySet());
                assertTrue(adapter.savedModules().containsKey("head.norm.weight"));
                assertFalse(adapter.savedModules().containsKey("head.dense.weight"));
            }
        }
    }

    @Test
    void whatPeftHasSavedForANameIsRead() throws IOException {
        saved("llama_gqa", Task.CAUSAL_LM, List.of("norm"));
        try (Model model = model("llama_gqa", Task.CAUSAL_LM);
                NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            Path weights = directory.resolve(PeftFiles.WEIGHTS);
            try (SafetensorsFile file = SafetensorsFile.open(weights)) {
                for (String name : file.names()) {
                    tensors.put(name, file.read(name));
                }
            }
            for (String name : model.weights().asMap().keySet()) {
                if (name.endsWith("layernorm.weight")) {
                    tensors.put(
                            PeftFiles.PREFIX + name, model.weights().get(name).mul(new Scalar(2)));
                }
            }
            SafetensorsWriter.write(weights, tensors, Map.of());
            ObjectNode config = Json.read(directory.resolve(PeftFiles.CONFIG)).toTree();
            config.putArray("modules_to_save").add("norm");
            Json.write(directory.resolve(PeftFiles.CONFIG), config);
            try (LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertEquals(tensors.keySet(), PeftFiles.tensors(adapter, model).keySet());
                Tensor norm = tensors.get(String.format(NORM, 1));
                assertTrue(norm.equal(model.weights().get("model.layers.1.input_layernorm.weight")));
            }
        }
    }

    /** PEFT ties what is called embed_tokens, and reads the one tensor for both. */
    @Test
    void anEmbeddingThatPeftTiesNeedsOneName() throws IOException {
        saved("llama3_rope_tied", Task.CAUSAL_LM, List.of("embed_tokens"));
        Path weights = directory.resolve(PeftFiles.WEIGHTS);
        try (Model model = model("llama3_rope_tied", Task.CAUSAL_LM);
                NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            try (SafetensorsFile file = SafetensorsFile.open(weights)) {
                for (String name : file.names()) {
                    tensors.put(name, file.read(name));
                }
            }
            tensors.remove(PeftFiles.PREFIX + "lm_head.weight").neg_();
            Tensor embedding =
                    tensors.get(PeftFiles.PREFIX + "model.embed_tokens.weight").neg_();
            SafetensorsWriter.write(weights, tensors, Map.of());
            try (LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertTrue(adapter.isAttached());
                assertTrue(embedding.equal(model.head().weight()));
            }
        }
    }

    /** As PEFT saves them along where it is asked to ({@code save_embedding_layers}), without a word in the settings, and reads them. */
    @ParameterizedTest
    @CsvSource({"llama_gqa, false", "llama3_rope_tied, true"})
    void embeddingsThatWereSavedAlongTakeThePlaceOfTheModels(String fixture, boolean tied) throws IOException {
        String input = "model.embed_tokens.weight";
        try (Model model = model(fixture, Task.CAUSAL_LM);
                NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            try (LoraAdapter adapter =
                    LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names("q_proj")), 1)) {
                PeftFiles.save(directory, adapter, model, new PeftMetadata("org/base", null));
                PeftFiles.tensors(adapter, model).forEach((name, tensor) -> tensors.put(name, tensor.clone()));
            }
            Tensor other = model.weights().get(input).detach().neg();
            Tensor head = tied
                    ? other.clone()
                    : model.weights().get("lm_head.weight").detach().mul(new Scalar(2));
            tensors.put(PeftFiles.PREFIX + input, other);
            tensors.put(PeftFiles.PREFIX + "lm_head.weight", head);
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
            try (LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertEquals(
                        tied ? Set.of(input) : Set.of(input, "lm_head.weight"),
                        adapter.savedModules().keySet());
                assertTrue(other.equal(model.weights().get(input)));
                assertTrue(head.equal(model.head().weight()));
            }
            inFewerBits(fixture, head);
        }
    }

    /** What the adapter brings in full has no place in a matrix of fewer bits. */
    private void inFewerBits(String fixture, Tensor head) throws IOException {
        for (LoadIn bits : List.of(LoadIn.INT8, LoadIn.NF4)) {
            ModelOptions options = ModelOptions.of(Task.CAUSAL_LM).withLoadIn(bits);
            assertThrows(CheckpointException.class, () -> {
                try (Model model = Models.open(Fixture.directory(fixture), options)) {
                    PeftFiles.load(directory, model).close();
                }
            });
            try (Model model = Models.open(Fixture.directory(fixture), options.withInFull(SavedInFull.of(directory)));
                    LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertTrue(head.equal(model.head().weight()));
                assertFalse(model.weights().quantized().isEmpty());
            }
        }
    }

    @Test
    void whatIsBesideTheFactorsIsInFull() throws IOException {
        try (NativeScope scope = new NativeScope()) {
            Tensor any = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1);
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : List.of(
                    "a.q_proj.lora_A.weight",
                    "a.q_proj.lora_B.weight",
                    "a.q_proj.lora_magnitude_vector",
                    "a.q_proj.base_layer.weight",
                    "a.embed_tokens.weight",
                    "odd")) {
                tensors.put(PeftFiles.PREFIX + name, any);
            }
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
        }
        Files.writeString(
                directory.resolve(PeftFiles.CONFIG),
                "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, \"target_modules\": [\"q_proj\"],"
                        + " \"modules_to_save\": [\"lm_head\"]}");
        assertEquals(List.of("lm_head", "a.embed_tokens"), SavedInFull.of(directory));
    }
}
