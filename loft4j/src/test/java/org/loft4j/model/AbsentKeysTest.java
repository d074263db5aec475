package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.albert.AlbertConfig;
import org.loft4j.model.bart.BartConfig;
import org.loft4j.model.bert.BertConfig;
import org.loft4j.model.cohere.CohereConfig;
import org.loft4j.model.deberta.DebertaConfig;
import org.loft4j.model.deepseek.DeepseekV3Config;
import org.loft4j.model.dinov2.Dinov2Config;
import org.loft4j.model.distilbert.DistilBertConfig;
import org.loft4j.model.electra.ElectraConfig;
import org.loft4j.model.ernie.Ernie45Config;
import org.loft4j.model.exaone4.Exaone4Config;
import org.loft4j.model.gemma.GemmaConfig;
import org.loft4j.model.gemma2.Gemma2Config;
import org.loft4j.model.gemma3.Gemma3Config;
import org.loft4j.model.glm.Glm4Config;
import org.loft4j.model.glm.Glm4MoeConfig;
import org.loft4j.model.gpt2.Gpt2Config;
import org.loft4j.model.gptneo.GptNeoConfig;
import org.loft4j.model.gptneox.GptNeoxConfig;
import org.loft4j.model.granite.Granite4Config;
import org.loft4j.model.granite.GraniteConfig;
import org.loft4j.model.lfm2.Lfm2Config;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama4.Llama4Config;
import org.loft4j.model.mistral.MistralConfig;
import org.loft4j.model.mixtral.MixtralConfig;
import org.loft4j.model.modernbert.ModernBertConfig;
import org.loft4j.model.mpnet.MpnetConfig;
import org.loft4j.model.olmo2.Olmo2Config;
import org.loft4j.model.olmoe.OlmoeConfig;
import org.loft4j.model.opt.OptConfig;
import org.loft4j.model.phi.PhiConfig;
import org.loft4j.model.phi3.Phi3Config;
import org.loft4j.model.qwen2.Qwen2Config;
import org.loft4j.model.qwen2moe.Qwen2MoeConfig;
import org.loft4j.model.qwen3.Qwen3Config;
import org.loft4j.model.qwen35.Qwen35Config;
import org.loft4j.model.qwen3moe.Qwen3MoeConfig;
import org.loft4j.model.qwen3next.Qwen3NextConfig;
import org.loft4j.model.roberta.RobertaConfig;
import org.loft4j.model.seedoss.SeedOssConfig;
import org.loft4j.model.smollm3.SmolLm3Config;
import org.loft4j.model.stablelm.StableLmConfig;
import org.loft4j.model.starcoder2.Starcoder2Config;
import org.loft4j.model.t5.T5Config;
import org.loft4j.model.vit.VitConfig;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** What a config.json that states sizes alone is taken for: the values of Transformers' classes. */
class AbsentKeysTest {
    private static final String SIZES = "\"vocab_size\": 9, \"hidden_size\": 256, \"num_hidden_layers\": 4,"
            + " \"num_attention_heads\": 32, \"intermediate_size\": 48";

    /** Positions, epsilon, tied embeddings, bases of rotations, turned numbers of a head of 8, or of the family's own. */
    @ParameterizedTest
    @CsvSource({
        "llama, 2048, 1.0E-6, false, 10000.0, 8",
        "llama4_text, 131072, 1.0E-5, false, 500000.0, 128",
        "mistral, 131072, 1.0E-6, false, 10000.0, 8",
        "mixtral, 131072, 1.0E-5, false, 1000000.0, 8",
        "qwen2, 32768, 1.0E-6, false, 10000.0, 8",
        "qwen2_moe, 32768, 1.0E-6, false, 10000.0, 8",
        "qwen3, 32768, 1.0E-6, false, 10000.0, 128",
        "qwen3_moe, 32768, 1.0E-6, false, 10000.0, 8",
        "qwen3_5_text, 32768, 1.0E-6, false, 10000.0, 64",
        "qwen3_next, 32768, 1.0E-6, false, 10000.0, 64",
        "gemma, 8192, 1.0E-6, true, 10000.0, 256",
        "gemma2, 8192, 1.0E-6, true, 10000.0, 256",
        "gemma3_text, 131072, 1.0E-6, true, 10000.0, 256",
        "gpt_neox, 2048, 1.0E-5, false, 10000.0, 2",
        "phi, 2048, 1.0E-5, false, 10000.0, 4",
        "phi3, 4096, 1.0E-5, false, 10000.0, 8",
        "starcoder2, 4096, 1.0E-5, true, 10000.0, 8",
        "stablelm, 4096, 1.0E-5, false, 10000.0, 2",
        "cohere, 8192, 1.0E-5, true, 500000.0, 8",
        "cohere2, 8192, 1.0E-5, true, 10000.0, 8",
        "exaone4, 2048, 1.0E-5, false, 10000.0, 8",
        "smollm3, 32768, 1.0E-6, true, 2000000.0, 8",
        "olmo2, 2048, 1.0E-5, false, 10000.0, 8",
        "olmoe, 4096, 1.0E-5, false, 10000.0, 8",
        "granite, 2048, 1.0E-6, false, 10000.0, 8",
        "ernie4_5, 131072, 1.0E-5, true, 500000.0, 128",
        "glm4, 131072, 1.5625E-7, false, 10000.0, 64",
        "glm4_moe, 131072, 1.0E-5, false, 10000.0, 4",
        "seed_oss, 524288, 1.0E-6, false, 10000.0, 128",
        "deepseek_v2, 2048, 1.0E-6, false, 10000.0, 64",
        "deepseek_v3, 4096, 1.0E-6, false, 10000.0, 64",
        "glm4_moe_lite, 202752, 1.0E-5, false, 10000.0, 64"
    })
    void aDecoderOfSizesAlone(String family, String positions, String eps, String tied, String theta, String turned)
            throws CheckpointException {
        String config = decoder(family).toString();
        assertEquals(
                List.of(positions, eps, tied, theta, turned),
                List.of(
                        first("maxPositions", config),
                        first("rmsNormEps", config),
                        first("tieWordEmbeddings", config),
                        first("theta", config),
                        first("dim", config)));
    }

    /** What else a family has, of those above. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "llama4_text | turned=[true, true, true, false]; norms=true; denseWidth=16384; window=8192; inChunks=true;"
                        + " beta=0.1, original=8192, first=1; count=16, chosen=1; attentionBias=false",
                "mistral | windows=[4096, 4096, 4096, 4096]",
                "mixtral | window=0; chosen=2; normalised=true",
                "qwen2 | windows=[0, 0, 0, 0]",
                "qwen2_moe | chosen=4; normalised=false; sharedWidth=5632",
                "qwen3 | windows=[0, 0, 0, 0]",
                "qwen3_moe | window=0; chosen=8; normalised=false",
                "qwen3_5_text | linear=DeltaLayout[keyHeads=16, valueHeads=32, keyDim=128, valueDim=128, kernel=4",
                "qwen3_next | linear=DeltaLayout[keyHeads=16, valueHeads=32, keyDim=128, valueDim=128, kernel=4,"
                        + " projections=GROUPED; experts=512; chosen=10; width=512; normalised=true; sharedWidth=512",
                "gemma2 | queryPreAttnScalar=256.0; attnLogitSoftcapping=50.0; finalLogitSoftcapping=30.0;"
                        + " windows=[4096, 0, 4096, 0]",
                "gemma3_text | queryPreAttnScalar=256.0; finalLogitSoftcapping=0.0; window=4096",
                "gpt_neox | parallel=true; activation=GELU",
                "phi3 | slidingWindow=0",
                "starcoder2 | slidingWindow=0; activation=GELU_TANH",
                "stablelm | parallel=false; headNorms=false",
                "cohere | logitScale=0.0625; queryKeyNorm=false; window=0",
                "cohere2 | logitScale=0.0625; window=4096",
                "smollm3 | placement=[Placement[rope=Rope; Placement[rope=null, window=0, bothSides=false, inChunks=false]]",
                "olmoe | chosen=8; normalised=false",
                "granite | multipliers=Multipliers[embedding=1.0, attention=1.0, residual=1.0, logits=1.0]",
                "glm4_moe | chosen=8; normalised=true; groups=1; best=1; factor=1.0",
                "deepseek_v2 | normalised=false; scored=false; groups=1; best=1; factor=1.0; sharedWidth=2814",
                "deepseek_v3 | chosen=8; normalised=true; groups=8; best=4; factor=2.5; neighbours=true",
                "glm4_moe_lite | chosen=4; normalised=true; groups=1; best=1; factor=1.8; neighbours=true"
            })
    void whatElseADecoderOfSizesAloneHas(String family, String parts) throws CheckpointException {
        assertHas(parts, decoder(family));
    }

    /** Every fourth layer of a SmolLM3 is not turned, of an OLMo 3 has no window, and of Cohere 2 and EXAONE 4 both. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"model_type\": \"smollm3\", SIZES} | true, true, true, false | 0, 0, 0, 0",
                "{\"model_type\": \"olmo3\", \"rope_theta\": 500000, SIZES} | true, true, true, true | 4096, 4096, 4096, 0",
                "{\"model_type\": \"exaone4\", SIZES} | true, true, true, false | 4096, 4096, 4096, 0",
                "{\"model_type\": \"cohere2\", SIZES} | true, true, true, false | 4096, 4096, 4096, 0"
            })
    void layersOfSizesAlone(String json, String turned, String windows) throws CheckpointException {
        JsonObject config = Json.parse(Path.of("config.json"), json.replace("SIZES", SIZES));
        var placement = switch (config.requireString("model_type")) {
            case "smollm3" -> SmolLm3Config.from(config).placement();
            case "olmo3" -> Olmo2Config.from(config).placement();
            case "exaone4" -> Exaone4Config.from(config).placement();
            default -> CohereConfig.from(config).placement();
        };
        assertEquals(
                "[" + turned + "]",
                placement.stream().map(one -> one.rope() != null).toList().toString());
        assertEquals(
                "[" + windows + "]",
                placement.stream().map(one -> one.window()).toList().toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "bert | maxPositions=512; tokenTypes=2; layerNormEps=1.0E-12; activation=GELU",
                "roberta | maxPositions=512; layerNormEps=1.0E-12; activation=GELU; padId=1",
                "electra | maxPositions=512; layerNormEps=1.0E-12; activation=GELU",
                "mpnet | maxPositions=512; layerNormEps=1.0E-12; activation=GELU",
                "albert | maxPositions=512; tokenTypes=2; layerNormEps=1.0E-12; activation=GELU_TANH; hiddenDropout=0.0;"
                        + " attentionDropout=0.0; embeddingSize=128; groups=1; inner=1; dropout=0.1",
                "deberta-v2 | maxPositions=512; layerNormEps=1.0E-7; activation=GELU; positionsInInput=true; relative=null;"
                        + " pooler=Pooler[activation=GELU",
                "modernbert | maxPositions=8192; layerNormEps=1.0E-5; activation=GELU; reach=64; globalTheta=160000.0;"
                        + " localTheta=10000.0; local=[false, true, true, false]; headActivation=GELU",
                "vit | layerNormEps=1.0E-12; activation=GELU; qkvBias=true; height=224; height=16",
                "dinov2 | layerNormEps=1.0E-6; activation=GELU; height=224; patch=14; layerScale=1.0",
                "distilbert | maxPositions=512; layerNormEps=1.0E-12; activation=GELU"
            })
    void anEncoderOfSizesAlone(String family, String parts) throws CheckpointException {
        assertHas(parts, encoder(family));
    }

    /** What is silent beside a part that the file has. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "deberta-v2 | \"relative_attention\": true, \"conv_kernel_size\": 3 | sharedProjections=false; buckets=0;"
                        + " maxDistance=512; Convolution[kernel=3, groups=1, activation=TANH]",
                "granitemoehybrid | \"position_embedding_type\": \"rope\", \"mamba_n_heads\": 4 | theta=10000.0",
                "lfm2 | \"conv_bias\": false | maxPositions=128000; rmsNormEps=1.0E-5; theta=1000000.0",
                "ministral3 | \"rope_parameters\": {\"llama_4_scaling_beta\": 0.1, \"original_max_position_embeddings\": 9}"
                        + " | maxPositions=262144; rmsNormEps=1.0E-5; theta=1000000.0; windows=[0, 0, 0, 0]"
            })
    void aPartOfSizesAlone(String family, String keys, String parts) throws CheckpointException {
        JsonObject json = of(family, SIZES + ", " + keys);
        assertHas(
                parts,
                switch (family) {
                    case "deberta-v2" ->
                        DebertaConfig.from(
                                json,
                                ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("no", "yes")));
                    case "granitemoehybrid" -> Granite4Config.from(json);
                    case "lfm2" -> Lfm2Config.from(json);
                    default -> MistralConfig.from(json);
                });
    }

    /** A window of 4096 from the 28th block on, where a file asks for windows. */
    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "qwen3"})
    void theFirstBlocksOfQwenHaveNoWindow(String family) throws CheckpointException {
        String sizes = SIZES.replace("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 30");
        List<Long> expected = new ArrayList<>(Collections.nCopies(30, 0L));
        assertEquals(expected, windows(family, sizes));
        expected.set(28, 4096L);
        expected.set(29, 4096L);
        assertEquals(expected, windows(family, sizes + ", \"use_sliding_window\": true"));
    }

    private static List<Long> windows(String family, String keys) throws CheckpointException {
        JsonObject json = of(family, keys);
        return family.equals("qwen2")
                ? Qwen2Config.from(json).windows()
                : Qwen3Config.from(json).windows();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "gpt2 | maxPositions=1024; heads=12; innerSize=3072; activation=GELU_TANH; layerNormEps=1.0E-5;"
                        + " scaleAttention=true; scaleByLayer=false; tieWordEmbeddings=true",
                "t5 | layers=6; decoderLayers=6; farthest=128; eps=1.0E-6; gated=false; activation=RELU; scaled=true;"
                        + " startId=0",
                "mt5 | layers=8; decoderLayers=8; farthest=128; eps=1.0E-6; gated=true; activation=GELU_TANH; scaled=false;"
                        + " startId=0",
                "opt | hiddenSize=768; layers=12; heads=12; intermediateSize=3072; maxPositions=2048; activation=RELU;"
                        + " tieWordEmbeddings=true; padTokenId=1; attentionDropout=0.0; initializerRange=0.02;"
                        + " tokenWidth=768; normFirst=true; finalNorm=true; bias=true; weightedNorms=true; dropout=0.1",
                "gpt_neo | hiddenSize=2048; layers=24; heads=16; intermediateSize=8192; maxPositions=2048;"
                        + " activation=GELU_TANH; rmsNormEps=1.0E-5; tieWordEmbeddings=true; padTokenId=-1;"
                        + " windows=[0, 256, 0, 256; embeddingDropout=0.0; residualDropout=0.0; classifierDropout=0.1",
                "bart | positions=1024; encoder=Side[layers=12, heads=16, inner=4096; decoder=Side[layers=12, heads=16;"
                        + " activation=GELU; scaled=false; tied=true; padId=1; startId=2",
                "mbart | heads=16; activation=GELU; scaled=false; padId=1; startId=0",
                "pegasus | heads=16; activation=GELU; scaled=false; padId=0; startId=0",
                "m2m_100 | heads=16; activation=RELU; scaled=true; padId=1; startId=2; probabilities=0.1; skipped=0.05"
            })
    void aModelWithNamesOfItsOwnForSizes(String family, String parts) throws CheckpointException {
        assertHas(
                parts,
                switch (family) {
                    case "gpt2" -> Gpt2Config.from(of(family, "\"vocab_size\": 9"));
                    case "gpt_neo" -> GptNeoConfig.from(of(family, "\"vocab_size\": 9"));
                    case "opt" -> OptConfig.from(of(family, "\"vocab_size\": 9"));
                    case "t5", "mt5" ->
                        T5Config.from(of(
                                family,
                                "\"vocab_size\": 9, \"d_model\": 64, \"d_kv\": 8, \"num_heads\": 4, \"d_ff\": 48"));
                    default -> BartConfig.from(of(family, "\"vocab_size\": 9, \"d_model\": 64"));
                });
    }

    private static Object decoder(String family) throws CheckpointException {
        JsonObject json = of(family, family.equals("deepseek_v2") ? SIZES + ", \"num_experts_per_tok\": 6" : SIZES);
        return switch (family) {
            case "llama" -> LlamaConfig.from(json);
            case "llama4_text" -> Llama4Config.from(json);
            case "mistral" -> MistralConfig.from(json);
            case "mixtral" -> MixtralConfig.from(json);
            case "qwen2" -> Qwen2Config.from(json);
            case "qwen2_moe" -> Qwen2MoeConfig.from(json);
            case "qwen3" -> Qwen3Config.from(json);
            case "qwen3_moe" -> Qwen3MoeConfig.from(json);
            case "qwen3_5_text" -> Qwen35Config.from(json);
            case "qwen3_next" -> Qwen3NextConfig.from(json);
            case "gemma" -> GemmaConfig.from(json);
            case "gemma2" -> Gemma2Config.from(json);
            case "gemma3_text" -> Gemma3Config.from(json);
            case "gpt_neox" -> GptNeoxConfig.from(json);
            case "phi" -> PhiConfig.from(json);
            case "phi3" -> Phi3Config.from(json);
            case "starcoder2" -> Starcoder2Config.from(json);
            case "stablelm" -> StableLmConfig.from(json);
            case "cohere", "cohere2" -> CohereConfig.from(json);
            case "exaone4" -> Exaone4Config.from(json);
            case "smollm3" -> SmolLm3Config.from(json);
            case "olmo2" -> Olmo2Config.from(json);
            case "olmoe" -> OlmoeConfig.from(json);
            case "granite" -> GraniteConfig.from(json);
            case "ernie4_5" -> Ernie45Config.from(json);
            case "glm4" -> Glm4Config.from(json);
            case "glm4_moe" -> Glm4MoeConfig.from(json);
            case "seed_oss" -> SeedOssConfig.from(json);
            case "deepseek_v2", "deepseek_v3", "glm4_moe_lite" -> DeepseekV3Config.from(json);
            default -> throw new IllegalArgumentException(family);
        };
    }

    private static Object encoder(String family) throws CheckpointException {
        ModelOptions texts = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("no", "yes"));
        ModelOptions images = ModelOptions.of(Task.IMAGE_CLASSIFICATION).withLabels(List.of("no", "yes"));
        String ofImages = "\"hidden_size\": 64, \"num_hidden_layers\": 2, \"num_attention_heads\": 4";
        return switch (family) {
            case "bert" -> BertConfig.from(of(family, SIZES), texts);
            case "roberta" -> RobertaConfig.from(of(family, SIZES), texts);
            case "albert" -> AlbertConfig.from(of(family, SIZES), texts);
            case "electra" -> ElectraConfig.from(of(family, SIZES), texts);
            case "mpnet" -> MpnetConfig.from(of(family, SIZES), texts);
            case "deberta-v2" -> DebertaConfig.from(of(family, SIZES), texts);
            case "modernbert" -> ModernBertConfig.from(of(family, SIZES), texts);
            case "vit" -> VitConfig.from(of(family, ofImages + ", \"intermediate_size\": 48"), images);
            case "dinov2" -> Dinov2Config.from(of(family, ofImages), images);
            default ->
                DistilBertConfig.from(
                        of(
                                family,
                                "\"vocab_size\": 9, \"dim\": 64, \"n_layers\": 2, \"n_heads\": 4, \"hidden_dim\": 48"),
                        texts);
        };
    }

    private static JsonObject of(String family, String keys) throws CheckpointException {
        return Json.parse(Path.of("config.json"), "{\"model_type\": \"" + family + "\", " + keys + "}");
    }

    /** What a record, or the first one inside it, says of a component. */
    private static String first(String name, String config) {
        Matcher matcher = Pattern.compile("\\b" + name + "=([^,\\]]+)").matcher(config);
        assertTrue(matcher.find(), name + " of " + config);
        return matcher.group(1);
    }

    private static void assertHas(String parts, Object config) {
        for (String part : parts.split("; *")) {
            Pattern whole = Pattern.compile("\\b" + Pattern.quote(part) + "(?![\\w.])");
            assertTrue(whole.matcher(config.toString()).find(), part + " of " + config);
        }
    }
}
