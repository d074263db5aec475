package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;

/** What the configurations of encoders say, and what of it is refused. */
class EncoderConfigTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "roberta_cls | position_embedding_type | \"relative_key\"",
                "roberta_cls | pad_token_id | 65",
                "roberta_cls | pad_token_id | 9223372036854775807",
                "roberta_cls | classifier_pooling | \"cls\"",
                "roberta_cls | problem_type | \"regression\"",
                "roberta_cls | pruned_heads | {\"0\": [1]}",
                "distilbert_cls | activation | \"gelu_10\"",
                "distilbert_cls | problem_type | \"regression\"",
                "deberta_v2_cls | pos_att_type | [\"p2p\"]",
                "deberta_v2_cls | embedding_size | 32",
                "deberta_v2_cls | attention_head_size | 8",
                "deberta_v2_cls | norm_rel_ebd | \"batch_norm\"",
                "deberta_v2_cls_conv | conv_kernel_size | 4",
                "deberta_v2_cls_conv | position_buckets | 500",
                "modernbert_cls | classifier_pooling | \"pooler\"",
                "modernbert_cls | hidden_activation | \"gelu_10\"",
                "modernbert_cls | norm_eps | 0",
                "modernbert_cls | mlp_dropout | 1.5",
                "modernbert_cls | attention_dropout | -1",
                "modernbert_cls | embedding_dropout | 2",
                "modernbert_cls | local_attention | -2",
                "modernbert_cls | sliding_window | 4",
                "modernbert_cls | head_dim | 16",
                "modernbert_cls | partial_rotary_factor | 0.5",
                "modernbert_cls | is_causal | true",
                "modernbert_cls | rope_scaling | {\"rope_type\": \"linear\", \"factor\": 2.0}",
                "modernbert_mean | global_attn_every_n_layers | 3",
                "modernbert_mean | global_rope_theta | 160000.0",
                "modernbert_mean | layer_types | [\"full_attention\"]",
                "modernbert_mean | rope_parameters | {\"rope_type\": \"default\", \"rope_theta\": 500.0}",
                "mpnet_cls | relative_attention_num_buckets | 16",
                "mpnet_cls | pad_token_id | 0",
                "mpnet_cls | max_position_embeddings | 2",
                "mpnet_cls | hidden_act | \"gelu_10\"",
                "mpnet_cls | position_embedding_type | \"relative_key\"",
                "mpnet_cls | is_decoder | true",
                "mpnet_cls | num_attention_heads | 5",
                "mpnet_cls | classifier_pooling | \"cls\"",
                "electra_cls | embedding_size | 0",
                "electra_cls | embedding_size | \"wide\"",
                "electra_cls | type_vocab_size | 0",
                "electra_cls | position_embedding_type | \"relative_key\"",
                "electra_cls | is_decoder | true",
                "electra_cls | classifier_dropout | 1.5",
                "electra_cls | classifier_pooling | \"cls\"",
                "albert_cls | embedding_size | 0",
                "albert_cls | num_hidden_groups | 0",
                "albert_cls | num_hidden_groups | 4",
                "albert_cls | num_hidden_groups | 1.5",
                "albert_cls | inner_group_num | 0",
                "albert_cls | inner_group_num | 4000",
                "albert_tok | inner_group_num | 4294967298",
                "albert_cls | num_hidden_layers | 20000",
                "albert_cls | num_attention_heads | 5",
                "albert_cls | type_vocab_size | 0",
                "albert_cls | hidden_act | \"gelu_10\"",
                "albert_cls | position_embedding_type | \"relative_key\"",
                "albert_cls | is_decoder | true",
                "albert_cls | pruned_heads | {\"0\": [1]}",
                "albert_cls | classifier_dropout_prob | 1.5",
                "vit_cls | problem_type | \"regression\"",
                "vit_cls | patch_size | 7",
                "vit_cls | image_size | [32]",
                "deit | patch_size | 7",
                "dinov2 | drop_path_rate | 0.1",
                "dinov2 | image_size | [16, 16]",
                "dinov2 | image_size | 4294967296",
                "dinov2 | patch_size | 17",
                "dinov2 | patch_size | 0",
                "dinov2 | mlp_ratio | 1e12",
                "dinov2 | mlp_ratio | -1",
                "dinov2 | hidden_act | \"gelu_10\"",
                "dinov2_registers | num_register_tokens | -1",
                "vit_cls | quantization_config | {\"quant_method\": \"gptq\"}",
            })
    void aValueThatCannotBeHonouredIsRefusedByItsKey(String fixture, String key, String value) throws IOException {
        Path changed = copy(fixture, key, value);
        ModelOptions options = ModelOptions.of(Models.defaultTask(changed));
        Exception fault = assertThrows(Exception.class, () -> Models.open(changed, options));
        assertTrue(String.valueOf(fault.getMessage()).contains(key), fault.toString());
    }

    @Test
    void poolingIsTheFamilysOwnOrTheMean() throws IOException {
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
        for (String fixture :
                new String[] {"roberta_cls", "distilbert_cls", "deberta_v2_cls", "mpnet_cls", "electra_cls"}) {
            Path directory = Fixture.directory(fixture);
            try (Model own = Models.open(directory, options);
                    Model mean = Models.open(directory, options.withPooling(Pooling.MEAN))) {
                assertEquals(Pooling.POOLER, own.description().pooling());
                assertEquals(Pooling.MEAN, mean.description().pooling());
            }
            assertThrows(ConfigException.class, () -> Models.open(directory, options.withPooling(Pooling.CLS)));
        }
        Path modern = Fixture.directory("modernbert_mean");
        try (Model own = Models.open(modern, options);
                Model first = Models.open(modern, options.withPooling(Pooling.CLS))) {
            assertEquals(Pooling.MEAN, own.description().pooling());
            assertEquals(Pooling.CLS, first.description().pooling());
        }
        assertThrows(ConfigException.class, () -> Models.open(modern, options.withPooling(Pooling.POOLER)));
        ModelOptions tokens = ModelOptions.of(Task.TOKEN_CLASSIFICATION).withPooling(Pooling.MEAN);
        assertThrows(ConfigException.class, () -> Models.open(Fixture.directory("bert_tok"), tokens));
    }

    @Test
    void positionsOfRobertaAndMpnetBeginBehindThePaddingToken() throws IOException {
        assertEquals(64, Models.maxPositions(Fixture.directory("roberta_cls")));
        assertEquals(158, Models.maxPositions(Fixture.directory("mpnet_cls")));
        assertEquals(64, Models.maxPositions(Fixture.directory("electra_cls")));
        assertEquals(32, Models.maxPositions(Fixture.directory("albert_cls")));
        assertEquals(17, Models.maxPositions(Fixture.directory("vit_cls")));
    }

    private Path copy(String fixture, String key, String value) throws IOException {
        Path from = Fixture.directory(fixture);
        ObjectNode json = Json.read(from.resolve("config.json")).toTree();
        json.set(key, new ObjectMapper().readTree(value));
        Json.write(folder.resolve("config.json"), json);
        Files.copy(from.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        return folder;
    }
}
