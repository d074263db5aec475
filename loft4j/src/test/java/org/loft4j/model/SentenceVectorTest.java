package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** One vector a text, of every family of texts, against the states of Transformers' base class, pooled by hand. */
class SentenceVectorTest {
    private static final double TOLERANCE = 2e-5;
    private static final Pooling[] POOLINGS = {Pooling.MEAN, Pooling.CLS, Pooling.LAST};

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bert_cls",
                "bert_tok",
                "roberta_cls",
                "distilbert_cls",
                "deberta_v3_tok",
                "deberta_v2_cls_conv",
                "deberta_v2_cls_default",
                "modernbert_cls",
                "modernbert_mean",
                "modernbert_tok",
                "albert_cls",
                "albert_tok",
                "gpt2",
                "gpt2_cls",
                "mistral_sw",
                "qwen2",
                "qwen2_cls",
                "qwen3",
                "gemma2_cap",
                "gemma3_text",
                "gemma3_text_mixed",
                "gemma3_both",
                "phi3_partial",
                "phi3_longrope_short",
                "llama_gqa",
                "llama_tok",
                "llama_yarn",
                "llama3_rope_tied",
                "smollm3_sliding",
                "granite",
                "granitemoehybrid",
                "granitemoehybrid_nope",
                "granitemoehybrid_h",
                "granitemoehybrid_h_groups",
                "granitemoehybrid_moe",
                "granitemoe",
                "deepseek_v3",
                "deepseek_v3_plain",
                "glm4_moe_lite",
                "glm4_moe",
                "deepseek_v2",
                "qwen2_moe",
                "stablelm",
                "stablelm_parallel",
                "glm4",
                "cohere",
                "cohere2",
                "exaone4",
                "lfm2",
                "lfm2_bias",
                "gpt_neo",
                "gpt_neo_cls",
                "gpt_neox",
                "opt",
                "opt_post",
                "opt_cls",
                "phi",
                "gemma",
                "starcoder2",
                "olmo2",
                "olmo3_yarn",
                "gemma3",
                "gemma4",
                "gemma4_text",
                "gemma4_moe",
                "llama4",
                "llama4_text",
                "mistral3",
                "qwen2_5_vl",
                "qwen3_vl",
                "qwen3_moe",
                "mixtral_sw",
                "olmoe",
                "gpt_oss",
                "mistral3_ministral3",
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "qwen3_next",
                "qwen3_next_tied",
                "qwen3_5_moe_text"
            })
    void theVectorsAreTheStatesOfTransformersPooled(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name)) {
            double[][][] states = rows(fixture.expected("base.hidden_states"));
            TokenInput input = fixture.input();
            long[][] mask = mask(input.attentionMask());
            for (Pooling pooling : POOLINGS) {
                try (Model model = Models.open(fixture.directory(), embeddings().withPooling(pooling))) {
                    assertFalse(model.hasHead());
                    assertPooled(states, mask, pooling, model.logits(input));
                    if (fixture.hasExpected("left.input_ids")) {
                        assertPooled(
                                states,
                                mask,
                                pooling,
                                model.logits(new TokenInput(
                                        fixture.expected("left.input_ids"), fixture.expected("left.attention_mask"))));
                    }
                    assertTrue(java.util.Arrays.stream(mask[0]).allMatch(one -> one == 1));
                    assertPooled(
                            new double[][][] {states[0]},
                            new long[][] {mask[0]},
                            pooling,
                            model.logits(new TokenInput(input.inputIds().narrow(0, 0, 1), null)));
                }
            }
        }
    }

    /** A file of the base class, one with heads of other tasks in it, and one with the module around the names are one model. */
    @ParameterizedTest
    @CsvSource({
        "bert_cls, bert., cls.predictions.bias bert.pooler.dense.weight classifier.weight",
        "roberta_cls, roberta., lm_head.dense.weight roberta.pooler.dense.bias classifier.out_proj.weight",
        "distilbert_cls, distilbert., vocab_projector.bias pre_classifier.weight classifier.bias",
        "deberta_v2_cls_conv, deberta., cls.predictions.bias pooler.dense.weight classifier.bias",
        "modernbert_cls, model., decoder.bias head.dense.weight classifier.weight",
        "albert_cls, albert., predictions.bias sop_classifier.classifier.weight albert.pooler.weight classifier.weight",
        "gpt2, transformer., lm_head.weight score.weight classifier.bias",
        "gpt_neo, transformer., lm_head.weight score.weight classifier.bias",
        "gpt_neox, gpt_neox., embed_out.weight score.weight classifier.bias",
        "opt, model., lm_head.weight score.weight",
        "phi, model., lm_head.weight lm_head.bias score.weight",
        "llama_gqa, model., lm_head.weight score.weight",
        "llama3_rope_tied, model., lm_head.weight",
        "qwen3, model., score.weight",
    })
    void neitherTheModuleInTheNamesNorOtherHeadsMatter(String name, String module, String heads) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model plain = Models.open(fixture.directory(), embeddings());
                Logged log = new Logged(ParameterReader.class)) {
            Tensor expected = plain.logits(fixture.input());
            Map<String, Tensor> stored = new LinkedHashMap<>();
            try (ModelDirectory source = ModelDirectory.open(fixture.directory())) {
                source.names().stream()
                        .filter(tensor -> tensor.startsWith(module))
                        .forEach(tensor -> stored.put(tensor, read(source, tensor)));
            }
            Map<String, Tensor> withHeads = new LinkedHashMap<>(stored);
            for (String head : heads.split(" ")) {
                withHeads.put(head, Tensors.of(new double[] {1, 2}, 2).to(Dtype.F32.scalarType()));
            }
            Map<String, Tensor> bare = new LinkedHashMap<>();
            stored.forEach((tensor, value) -> bare.put(tensor.substring(module.length()), value));
            for (Map<String, Tensor> file : List.of(withHeads, bare)) {
                Files.copy(
                        fixture.directory().resolve("config.json"),
                        folder.resolve("config.json"),
                        java.nio.file.StandardCopyOption.REPLACE_EXISTING);
                SafetensorsWriter.write(folder.resolve("model.safetensors"), file, Map.of());
                try (Model model = Models.open(folder, embeddings())) {
                    assertTrue(Tensors.bitEqual(expected, model.logits(fixture.input())));
                    assertEquals(
                            plain.weights().asMap().keySet(),
                            model.weights().asMap().keySet());
                }
            }
            assertEquals(List.of(), log.texts());
        }
    }

    /** As in Transformers' base class, and so in PEFT. */
    @ParameterizedTest
    @CsvSource({
        "bert_cls, encoder.layer.0.attention.self.query",
        "roberta_cls, encoder.layer.0.attention.self.query",
        "distilbert_cls, transformer.layer.0.attention.q_lin",
        "deberta_v2_cls, encoder.layer.0.attention.self.query_proj",
        "modernbert_cls, layers.0.attn.Wqkv",
        "albert_cls, encoder.embedding_hidden_mapping_in",
        "llama_gqa, layers.0.self_attn.q_proj",
        "gpt2, h.0.attn.c_attn",
        "gpt_neo, h.0.attn.attention.q_proj",
        "gpt_neox, layers.0.attention.query_key_value",
        "opt, decoder.layers.0.self_attn.q_proj",
        "opt_post, decoder.project_in",
    })
    void theFirstLayerHasTheNameOfTheBaseClass(String name, String path) throws IOException {
        try (Model model = Models.open(Fixture.directory(name), embeddings())) {
            assertEquals(path, model.linears().keySet().iterator().next());
            model.linears().forEach((key, layer) -> {
                assertEquals(key, layer.path());
                assertTrue(model.weights().asMap().containsKey(key + ".weight"), key);
            });
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"bert_cls", "distilbert_cls", "modernbert_cls", "albert_cls", "gpt2", "llama_gqa", "gemma3_text"
            })
    void inFewerBitsTheVectorsAreNear(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model full = Models.open(fixture.directory(), embeddings())) {
            Tensor expected = full.logits(fixture.input());
            for (LoadIn bits : List.of(LoadIn.INT8, LoadIn.NF4)) {
                try (Model model = Models.open(fixture.directory(), embeddings().withLoadIn(bits))) {
                    assertFalse(model.weights().quantized().isEmpty());
                    double off =
                            model.logits(fixture.input()).sub(expected).norm().item_double()
                                    / expected.norm().item_double();
                    assertTrue(off < (bits == LoadIn.INT8 ? 0.1 : 0.5), bits + " is off by " + off);
                }
            }
        }
    }

    @Test
    void encodersTakeTheMeanAndDecodersTheLastToken() throws IOException {
        for (String name : List.of("bert_cls", "roberta_cls", "distilbert_cls", "deberta_v2_cls", "modernbert_cls")) {
            assertEquals(Pooling.MEAN, auto(name));
        }
        assertEquals(Pooling.LAST, auto("gpt2"));
        assertEquals(Pooling.LAST, auto("qwen3"));
        ConfigException refused = assertThrows(
                ConfigException.class,
                () -> Models.open(Fixture.directory("bert_cls"), embeddings().withPooling(Pooling.POOLER)));
        assertTrue(String.valueOf(refused.getMessage()).contains("pooling pooler"), refused.getMessage());
    }

    private static Pooling auto(String name) throws IOException {
        try (Model model = Models.open(Fixture.directory(name), embeddings())) {
            return model.description().pooling();
        }
    }

    private static ModelOptions embeddings() {
        return ModelOptions.of(Task.SENTENCE_EMBEDDING);
    }

    private static Tensor read(ModelDirectory source, String name) {
        try {
            return source.read(name);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static double[][][] rows(Tensor states) {
        int columns = (int) states.size(1);
        int width = (int) states.size(2);
        double[] flat = Tensors.toDoubles(states);
        double[][][] rows = new double[(int) states.size(0)][columns][width];
        for (int i = 0; i < flat.length; i++) {
            rows[i / (columns * width)][i / width % columns][i % width] = flat[i];
        }
        return rows;
    }

    private static long[][] mask(Tensor mask) {
        long[] flat = Tensors.toLongs(mask);
        int columns = (int) mask.size(1);
        long[][] rows = new long[(int) mask.size(0)][columns];
        for (int i = 0; i < flat.length; i++) {
            rows[i / columns][i % columns] = flat[i];
        }
        return rows;
    }

    /** @param states and mask of rows that are padded on the right */
    private static void assertPooled(double[][][] states, long[][] mask, Pooling pooling, Tensor vectors) {
        int width = states[0][0].length;
        double[] actual = Tensors.toDoubles(vectors);
        assertEquals(states.length * width, actual.length);
        for (int row = 0; row < states.length; row++) {
            int tokens = (int) java.util.Arrays.stream(mask[row]).sum();
            for (int i = 0; i < width; i++) {
                double sum = 0;
                for (int token = 0; token < tokens; token++) {
                    sum += states[row][token][i];
                }
                double expected = switch (pooling) {
                    case MEAN -> sum / tokens;
                    case CLS -> states[row][0][i];
                    default -> states[row][tokens - 1][i];
                };
                assertEquals(expected, actual[row * width + i], TOLERANCE, pooling + " of row " + row);
            }
        }
    }
}
