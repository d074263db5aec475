package org.loft4j.model;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.model.albert.AlbertModel;
import org.loft4j.model.bart.BartConfig;
import org.loft4j.model.bart.BartModel;
import org.loft4j.model.bert.BertModel;
import org.loft4j.model.cohere.CohereConfig;
import org.loft4j.model.cohere.CohereModel;
import org.loft4j.model.deberta.DebertaConfig;
import org.loft4j.model.deberta.DebertaModel;
import org.loft4j.model.deepseek.DeepseekV3Config;
import org.loft4j.model.deepseek.DeepseekV3Model;
import org.loft4j.model.dinov2.Dinov2Config;
import org.loft4j.model.dinov2.Dinov2Model;
import org.loft4j.model.distilbert.DistilBertModel;
import org.loft4j.model.electra.ElectraModel;
import org.loft4j.model.ernie.Ernie45Config;
import org.loft4j.model.ernie.Ernie45Model;
import org.loft4j.model.exaone4.Exaone4Config;
import org.loft4j.model.exaone4.Exaone4Model;
import org.loft4j.model.gemma.GemmaConfig;
import org.loft4j.model.gemma.GemmaModel;
import org.loft4j.model.gemma2.Gemma2Config;
import org.loft4j.model.gemma2.Gemma2Model;
import org.loft4j.model.gemma3.Gemma3Config;
import org.loft4j.model.gemma3.Gemma3Model;
import org.loft4j.model.gemma4.Gemma4Config;
import org.loft4j.model.gemma4.Gemma4Model;
import org.loft4j.model.glm.Glm4Config;
import org.loft4j.model.glm.Glm4Model;
import org.loft4j.model.glm.Glm4MoeConfig;
import org.loft4j.model.glm.Glm4MoeModel;
import org.loft4j.model.gpt2.Gpt2Config;
import org.loft4j.model.gpt2.Gpt2Model;
import org.loft4j.model.gptneo.GptNeoConfig;
import org.loft4j.model.gptneo.GptNeoModel;
import org.loft4j.model.gptneox.GptNeoxConfig;
import org.loft4j.model.gptneox.GptNeoxModel;
import org.loft4j.model.gptoss.GptOssModel;
import org.loft4j.model.granite.Granite4Config;
import org.loft4j.model.granite.Granite4Model;
import org.loft4j.model.granite.GraniteConfig;
import org.loft4j.model.granite.GraniteModel;
import org.loft4j.model.lfm2.Lfm2Config;
import org.loft4j.model.lfm2.Lfm2Model;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.model.llama4.Llama4Config;
import org.loft4j.model.llama4.Llama4Model;
import org.loft4j.model.mistral.MistralConfig;
import org.loft4j.model.mistral.MistralModel;
import org.loft4j.model.mixtral.MixtralConfig;
import org.loft4j.model.mixtral.MixtralModel;
import org.loft4j.model.modernbert.ModernBertConfig;
import org.loft4j.model.modernbert.ModernBertModel;
import org.loft4j.model.mpnet.MpnetConfig;
import org.loft4j.model.mpnet.MpnetModel;
import org.loft4j.model.olmo2.Olmo2Config;
import org.loft4j.model.olmo2.Olmo2Model;
import org.loft4j.model.olmoe.OlmoeConfig;
import org.loft4j.model.olmoe.OlmoeModel;
import org.loft4j.model.opt.OptConfig;
import org.loft4j.model.opt.OptModel;
import org.loft4j.model.phi.PhiConfig;
import org.loft4j.model.phi.PhiModel;
import org.loft4j.model.phi3.Phi3Config;
import org.loft4j.model.phi3.Phi3Model;
import org.loft4j.model.qwen2.Qwen2Config;
import org.loft4j.model.qwen2.Qwen2Model;
import org.loft4j.model.qwen2moe.Qwen2MoeConfig;
import org.loft4j.model.qwen2moe.Qwen2MoeModel;
import org.loft4j.model.qwen3.Qwen3Config;
import org.loft4j.model.qwen3.Qwen3Model;
import org.loft4j.model.qwen35.Qwen35Config;
import org.loft4j.model.qwen35.Qwen35Model;
import org.loft4j.model.qwen3moe.Qwen3MoeConfig;
import org.loft4j.model.qwen3moe.Qwen3MoeModel;
import org.loft4j.model.qwen3next.Qwen3NextConfig;
import org.loft4j.model.qwen3next.Qwen3NextModel;
import org.loft4j.model.roberta.RobertaConfig;
import org.loft4j.model.roberta.RobertaModel;
import org.loft4j.model.seedoss.SeedOssConfig;
import org.loft4j.model.seedoss.SeedOssModel;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.smollm3.SmolLm3Config;
import org.loft4j.model.smollm3.SmolLm3Model;
import org.loft4j.model.stablelm.StableLmConfig;
import org.loft4j.model.stablelm.StableLmModel;
import org.loft4j.model.starcoder2.Starcoder2Config;
import org.loft4j.model.starcoder2.Starcoder2Model;
import org.loft4j.model.t5.T5Config;
import org.loft4j.model.t5.T5Model;
import org.loft4j.model.vit.VitConfig;
import org.loft4j.model.vit.VitModel;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * A family of models that can be opened.
 *
 * @param name {@code model_type} in config.json
 * @param tasks what its models can be used for; the first is that of a checkpoint which does not say
 * @param opener reads a model from a checkpoint
 * @param maker makes a model with new weights
 * @param length tells the longest sequence
 */
record Family(String name, List<Task> tasks, Opener opener, Maker maker, Length length) {
    /** Every family by its name. */
    static final Map<String, Family> BY_NAME = byName(
            new Family(
                    AlbertModel.FAMILY,
                    AlbertModel.TASKS,
                    AlbertModel::open,
                    AlbertModel::random,
                    EncoderConfig::maxPositions),
            bart(BartModel.FAMILY),
            bart(BartModel.MULTILINGUAL),
            bart(BartModel.TRANSLATION),
            bart(BartModel.SUMMARIES),
            new Family(
                    BertModel.FAMILY, BertModel.TASKS, BertModel::open, BertModel::random, EncoderConfig::maxPositions),
            cohere(CohereModel.FAMILY),
            cohere(CohereModel.SECOND),
            new Family(
                    DebertaModel.FAMILY,
                    DebertaModel.TASKS,
                    DebertaModel::open,
                    DebertaModel::random,
                    DebertaConfig::maxPositions),
            deepseekV3(DeepseekV3Model.SECOND),
            deepseekV3(DeepseekV3Model.FAMILY),
            deepseekV3(DeepseekV3Model.GLM_LITE),
            new Family(
                    DistilBertModel.FAMILY,
                    DistilBertModel.TASKS,
                    DistilBertModel::open,
                    DistilBertModel::random,
                    EncoderConfig::maxPositions),
            new Family(
                    ElectraModel.FAMILY,
                    ElectraModel.TASKS,
                    ElectraModel::open,
                    ElectraModel::random,
                    EncoderConfig::maxPositions),
            new Family(
                    Ernie45Model.FAMILY,
                    Ernie45Model.TASKS,
                    Ernie45Model::open,
                    Ernie45Model::random,
                    Ernie45Config::maxPositions),
            new Family(
                    Exaone4Model.FAMILY,
                    Exaone4Model.TASKS,
                    Exaone4Model::open,
                    Exaone4Model::random,
                    Exaone4Config::maxPositions),
            new Family(
                    GemmaModel.FAMILY,
                    GemmaModel.TASKS,
                    GemmaModel::open,
                    GemmaModel::random,
                    GemmaConfig::maxPositions),
            new Family(
                    Gemma2Model.FAMILY,
                    Gemma2Model.TASKS,
                    Gemma2Model::open,
                    Gemma2Model::random,
                    Gemma2Config::maxPositions),
            dinov2(Dinov2Model.FAMILY),
            dinov2(Dinov2Model.WITH_REGISTERS),
            gemma3(Gemma3Model.FAMILY),
            gemma3(Gemma3Model.WITH_VISION),
            gemma4(Gemma4Model.FAMILY),
            gemma4(Gemma4Model.WITH_TOWERS),
            new Family(Glm4Model.FAMILY, Glm4Model.TASKS, Glm4Model::open, Glm4Model::random, Glm4Config::maxPositions),
            new Family(
                    Glm4MoeModel.FAMILY,
                    Glm4MoeModel.TASKS,
                    Glm4MoeModel::open,
                    Glm4MoeModel::random,
                    Glm4MoeConfig::maxPositions),
            new Family(Gpt2Model.FAMILY, Gpt2Model.TASKS, Gpt2Model::open, Gpt2Model::random, Gpt2Config::maxPositions),
            new Family(
                    GptNeoModel.FAMILY,
                    GptNeoModel.TASKS,
                    GptNeoModel::open,
                    GptNeoModel::random,
                    GptNeoConfig::maxPositions),
            new Family(
                    GptNeoxModel.FAMILY,
                    GptNeoxModel.TASKS,
                    GptNeoxModel::open,
                    GptNeoxModel::random,
                    GptNeoxConfig::maxPositions),
            new Family(
                    GptOssModel.FAMILY,
                    GptOssModel.TASKS,
                    GptOssModel::open,
                    GptOssModel::random,
                    GptOssModel::maxPositions),
            granite(GraniteModel.FAMILY),
            granite(GraniteModel.MIXTURE),
            new Family(
                    Granite4Model.FAMILY,
                    Granite4Model.TASKS,
                    Granite4Model::open,
                    Granite4Model::random,
                    Granite4Config::maxPositions),
            new Family(Lfm2Model.FAMILY, Lfm2Model.TASKS, Lfm2Model::open, Lfm2Model::random, Lfm2Config::maxPositions),
            new Family(
                    LlamaModel.FAMILY,
                    LlamaModel.TASKS,
                    LlamaModel::open,
                    LlamaModel::random,
                    LlamaConfig::maxPositions),
            llama4(Llama4Model.FAMILY),
            llama4(Llama4Model.WITH_VISION),
            mistral(MistralModel.FAMILY),
            mistral(MistralModel.MINISTRAL),
            mistral(MistralModel.MINISTRAL3),
            mistral(MistralModel.WITH_VISION),
            new Family(
                    MixtralModel.FAMILY,
                    MixtralModel.TASKS,
                    MixtralModel::open,
                    MixtralModel::random,
                    MixtralConfig::maxPositions),
            new Family(
                    ModernBertModel.FAMILY,
                    ModernBertModel.TASKS,
                    ModernBertModel::open,
                    ModernBertModel::random,
                    ModernBertConfig::maxPositions),
            new Family(
                    MpnetModel.FAMILY,
                    MpnetModel.TASKS,
                    MpnetModel::open,
                    MpnetModel::random,
                    MpnetConfig::maxPositions),
            olmo(Olmo2Model.FAMILY),
            olmo(Olmo2Model.OLMO3),
            new Family(
                    OlmoeModel.FAMILY,
                    OlmoeModel.TASKS,
                    OlmoeModel::open,
                    OlmoeModel::random,
                    OlmoeConfig::maxPositions),
            new Family(OptModel.FAMILY, OptModel.TASKS, OptModel::open, OptModel::random, OptConfig::maxPositions),
            new Family(PhiModel.FAMILY, PhiModel.TASKS, PhiModel::open, PhiModel::random, PhiConfig::maxPositions),
            new Family(Phi3Model.FAMILY, Phi3Model.TASKS, Phi3Model::open, Phi3Model::random, Phi3Config::maxPositions),
            qwen2(Qwen2Model.FAMILY),
            qwen2(Qwen2Model.WITH_VISION),
            qwen2(Qwen2Model.WITH_VISION_25),
            qwen3(Qwen3Model.FAMILY),
            qwen3(Qwen3Model.WITH_VISION),
            qwen35(Qwen35Model.FAMILY),
            qwen35(Qwen35Model.WITH_VISION),
            qwen35(Qwen35Model.MIXTURE),
            qwen35(Qwen35Model.MIXTURE_WITH_VISION),
            new Family(
                    Qwen2MoeModel.FAMILY,
                    Qwen2MoeModel.TASKS,
                    Qwen2MoeModel::open,
                    Qwen2MoeModel::random,
                    Qwen2MoeConfig::maxPositions),
            new Family(
                    StableLmModel.FAMILY,
                    StableLmModel.TASKS,
                    StableLmModel::open,
                    StableLmModel::random,
                    StableLmConfig::maxPositions),
            new Family(
                    Qwen3MoeModel.FAMILY,
                    Qwen3MoeModel.TASKS,
                    Qwen3MoeModel::open,
                    Qwen3MoeModel::random,
                    Qwen3MoeConfig::maxPositions),
            new Family(
                    Qwen3NextModel.FAMILY,
                    Qwen3NextModel.TASKS,
                    Qwen3NextModel::open,
                    Qwen3NextModel::random,
                    Qwen3NextConfig::maxPositions),
            new Family(
                    SeedOssModel.FAMILY,
                    SeedOssModel.TASKS,
                    SeedOssModel::open,
                    SeedOssModel::random,
                    SeedOssConfig::maxPositions),
            new Family(
                    SmolLm3Model.FAMILY,
                    SmolLm3Model.TASKS,
                    SmolLm3Model::open,
                    SmolLm3Model::random,
                    SmolLm3Config::maxPositions),
            new Family(
                    Starcoder2Model.FAMILY,
                    Starcoder2Model.TASKS,
                    Starcoder2Model::open,
                    Starcoder2Model::random,
                    Starcoder2Config::maxPositions),
            vit(VitModel.FAMILY),
            vit(VitModel.DISTILLED),
            roberta("roberta"),
            roberta("xlm-roberta"),
            roberta("camembert"),
            t5(T5Model.FAMILY),
            t5(T5Model.MULTILINGUAL));

    /** Reads a model from a checkpoint; the options name the labels of a classifier. */
    interface Opener {
        Model open(TensorSource source, JsonObject config, ModelOptions options) throws CheckpointException;
    }

    /** Makes a model with new weights from the seed; the options name the labels of a classifier, and a dtype. */
    interface Maker {
        Model random(JsonObject config, ModelOptions options) throws CheckpointException;
    }

    /** Tells the longest sequence that a model was made for, in tokens. */
    interface Length {
        long maxPositions(JsonObject config) throws CheckpointException;
    }

    private static Family bart(String name) {
        return new Family(name, BartModel.TASKS, BartModel::open, BartModel::random, BartConfig::maxPositions);
    }

    private static Family cohere(String name) {
        return new Family(name, CohereModel.TASKS, CohereModel::open, CohereModel::random, CohereConfig::maxPositions);
    }

    private static Family dinov2(String name) {
        return new Family(name, Dinov2Model.TASKS, Dinov2Model::open, Dinov2Model::random, Dinov2Config::states);
    }

    private static Family deepseekV3(String name) {
        return new Family(
                name,
                DeepseekV3Model.TASKS,
                DeepseekV3Model::open,
                DeepseekV3Model::random,
                DeepseekV3Config::maxPositions);
    }

    private static Family gemma3(String name) {
        return new Family(name, Gemma3Model.TASKS, Gemma3Model::open, Gemma3Model::random, Gemma3Config::maxPositions);
    }

    private static Family gemma4(String name) {
        return new Family(name, Gemma4Model.TASKS, Gemma4Model::open, Gemma4Model::random, Gemma4Config::maxPositions);
    }

    private static Family granite(String name) {
        return new Family(
                name, GraniteModel.TASKS, GraniteModel::open, GraniteModel::random, GraniteConfig::maxPositions);
    }

    private static Family llama4(String name) {
        return new Family(name, Llama4Model.TASKS, Llama4Model::open, Llama4Model::random, Llama4Config::maxPositions);
    }

    private static Family mistral(String name) {
        return new Family(
                name, MistralModel.TASKS, MistralModel::open, MistralModel::random, MistralConfig::maxPositions);
    }

    private static Family olmo(String name) {
        return new Family(name, Olmo2Model.TASKS, Olmo2Model::open, Olmo2Model::random, Olmo2Config::maxPositions);
    }

    private static Family qwen2(String name) {
        return new Family(name, Qwen2Model.TASKS, Qwen2Model::open, Qwen2Model::random, Qwen2Config::maxPositions);
    }

    private static Family qwen3(String name) {
        return new Family(name, Qwen3Model.TASKS, Qwen3Model::open, Qwen3Model::random, Qwen3Config::maxPositions);
    }

    private static Family qwen35(String name) {
        return new Family(name, Qwen35Model.TASKS, Qwen35Model::open, Qwen35Model::random, Qwen35Config::maxPositions);
    }

    private static Family roberta(String name) {
        return new Family(
                name, RobertaModel.TASKS, RobertaModel::open, RobertaModel::random, RobertaConfig::maxPositions);
    }

    private static Family t5(String name) {
        return new Family(name, T5Model.TASKS, T5Model::open, T5Model::random, T5Config::maxPositions);
    }

    private static Family vit(String name) {
        return new Family(name, VitModel.TASKS, VitModel::open, VitModel::random, VitConfig::states);
    }

    private static Map<String, Family> byName(Family... families) {
        Map<String, Family> byName = new TreeMap<>();
        for (Family family : families) {
            byName.put(family.name(), family);
        }
        return byName;
    }
}
