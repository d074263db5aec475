package org.loft4j.model;

import java.util.List;
import java.util.stream.Stream;
import org.loft4j.model.cohere.CohereConfig;
import org.loft4j.model.cohere.CohereModel;
import org.loft4j.model.deepseek.DeepseekV3Config;
import org.loft4j.model.deepseek.DeepseekV3Model;
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
import org.loft4j.model.seedoss.SeedOssConfig;
import org.loft4j.model.seedoss.SeedOssModel;
import org.loft4j.model.smollm3.SmolLm3Config;
import org.loft4j.model.smollm3.SmolLm3Model;
import org.loft4j.model.stablelm.StableLmConfig;
import org.loft4j.model.stablelm.StableLmModel;
import org.loft4j.model.starcoder2.Starcoder2Config;
import org.loft4j.model.starcoder2.Starcoder2Model;

/** Families of decoders, those that are opened without the tower beside them too. */
final class DecoderFamilies {
    static final List<Family> ALL = Stream.of(
                    Family.all(
                            CohereModel.TASKS,
                            CohereModel::open,
                            CohereModel::random,
                            CohereConfig::maxPositions,
                            CohereModel.FAMILY,
                            CohereModel.SECOND),
                    Family.all(
                            DeepseekV3Model.TASKS,
                            DeepseekV3Model::open,
                            DeepseekV3Model::random,
                            DeepseekV3Config::maxPositions,
                            DeepseekV3Model.SECOND,
                            DeepseekV3Model.FAMILY,
                            DeepseekV3Model.GLM_LITE),
                    Family.all(
                            Ernie45Model.TASKS,
                            Ernie45Model::open,
                            Ernie45Model::random,
                            Ernie45Config::maxPositions,
                            Ernie45Model.FAMILY),
                    Family.all(
                            Exaone4Model.TASKS,
                            Exaone4Model::open,
                            Exaone4Model::random,
                            Exaone4Config::maxPositions,
                            Exaone4Model.FAMILY),
                    Family.all(
                            GemmaModel.TASKS,
                            GemmaModel::open,
                            GemmaModel::random,
                            GemmaConfig::maxPositions,
                            GemmaModel.FAMILY),
                    Family.all(
                            Gemma2Model.TASKS,
                            Gemma2Model::open,
                            Gemma2Model::random,
                            Gemma2Config::maxPositions,
                            Gemma2Model.FAMILY),
                    Family.all(
                            Gemma3Model.TASKS,
                            Gemma3Model::open,
                            Gemma3Model::random,
                            Gemma3Config::maxPositions,
                            Gemma3Model.FAMILY,
                            Gemma3Model.WITH_VISION),
                    Family.all(
                            Gemma4Model.TASKS,
                            Gemma4Model::open,
                            Gemma4Model::random,
                            Gemma4Config::maxPositions,
                            Gemma4Model.FAMILY,
                            Gemma4Model.WITH_TOWERS),
                    Family.all(
                            Glm4Model.TASKS,
                            Glm4Model::open,
                            Glm4Model::random,
                            Glm4Config::maxPositions,
                            Glm4Model.FAMILY),
                    Family.all(
                            Glm4MoeModel.TASKS,
                            Glm4MoeModel::open,
                            Glm4MoeModel::random,
                            Glm4MoeConfig::maxPositions,
                            Glm4MoeModel.FAMILY),
                    Family.all(
                            Gpt2Model.TASKS,
                            Gpt2Model::open,
                            Gpt2Model::random,
                            Gpt2Config::maxPositions,
                            Gpt2Model.FAMILY),
                    Family.all(
                            GptNeoModel.TASKS,
                            GptNeoModel::open,
                            GptNeoModel::random,
                            GptNeoConfig::maxPositions,
                            GptNeoModel.FAMILY),
                    Family.all(
                            GptNeoxModel.TASKS,
                            GptNeoxModel::open,
                            GptNeoxModel::random,
                            GptNeoxConfig::maxPositions,
                            GptNeoxModel.FAMILY),
                    Family.all(
                            GptOssModel.TASKS,
                            GptOssModel::open,
                            GptOssModel::random,
                            GptOssModel::maxPositions,
                            GptOssModel.FAMILY),
                    Family.all(
                            GraniteModel.TASKS,
                            GraniteModel::open,
                            GraniteModel::random,
                            GraniteConfig::maxPositions,
                            GraniteModel.FAMILY,
                            GraniteModel.MIXTURE),
                    Family.all(
                            Granite4Model.TASKS,
                            Granite4Model::open,
                            Granite4Model::random,
                            Granite4Config::maxPositions,
                            Granite4Model.FAMILY),
                    Family.all(
                            Lfm2Model.TASKS,
                            Lfm2Model::open,
                            Lfm2Model::random,
                            Lfm2Config::maxPositions,
                            Lfm2Model.FAMILY),
                    Family.all(
                            LlamaModel.TASKS,
                            LlamaModel::open,
                            LlamaModel::random,
                            LlamaConfig::maxPositions,
                            LlamaModel.FAMILY),
                    Family.all(
                            Llama4Model.TASKS,
                            Llama4Model::open,
                            Llama4Model::random,
                            Llama4Config::maxPositions,
                            Llama4Model.FAMILY,
                            Llama4Model.WITH_VISION),
                    Family.all(
                            MistralModel.TASKS,
                            MistralModel::open,
                            MistralModel::random,
                            MistralConfig::maxPositions,
                            MistralModel.FAMILY,
                            MistralModel.MINISTRAL,
                            MistralModel.MINISTRAL3,
                            MistralModel.WITH_VISION),
                    Family.all(
                            MixtralModel.TASKS,
                            MixtralModel::open,
                            MixtralModel::random,
                            MixtralConfig::maxPositions,
                            MixtralModel.FAMILY),
                    Family.all(
                            Olmo2Model.TASKS,
                            Olmo2Model::open,
                            Olmo2Model::random,
                            Olmo2Config::maxPositions,
                            Olmo2Model.FAMILY,
                            Olmo2Model.OLMO3),
                    Family.all(
                            OlmoeModel.TASKS,
                            OlmoeModel::open,
                            OlmoeModel::random,
                            OlmoeConfig::maxPositions,
                            OlmoeModel.FAMILY),
                    Family.all(
                            OptModel.TASKS, OptModel::open, OptModel::random, OptConfig::maxPositions, OptModel.FAMILY),
                    Family.all(
                            PhiModel.TASKS, PhiModel::open, PhiModel::random, PhiConfig::maxPositions, PhiModel.FAMILY),
                    Family.all(
                            Phi3Model.TASKS,
                            Phi3Model::open,
                            Phi3Model::random,
                            Phi3Config::maxPositions,
                            Phi3Model.FAMILY),
                    Family.all(
                            Qwen2Model.TASKS,
                            Qwen2Model::open,
                            Qwen2Model::random,
                            Qwen2Config::maxPositions,
                            Qwen2Model.FAMILY,
                            Qwen2Model.WITH_VISION,
                            Qwen2Model.WITH_VISION_25),
                    Family.all(
                            Qwen3Model.TASKS,
                            Qwen3Model::open,
                            Qwen3Model::random,
                            Qwen3Config::maxPositions,
                            Qwen3Model.FAMILY,
                            Qwen3Model.WITH_VISION),
                    Family.all(
                            Qwen35Model.TASKS,
                            Qwen35Model::open,
                            Qwen35Model::random,
                            Qwen35Config::maxPositions,
                            Qwen35Model.FAMILY,
                            Qwen35Model.WITH_VISION,
                            Qwen35Model.MIXTURE,
                            Qwen35Model.MIXTURE_WITH_VISION),
                    Family.all(
                            Qwen2MoeModel.TASKS,
                            Qwen2MoeModel::open,
                            Qwen2MoeModel::random,
                            Qwen2MoeConfig::maxPositions,
                            Qwen2MoeModel.FAMILY),
                    Family.all(
                            StableLmModel.TASKS,
                            StableLmModel::open,
                            StableLmModel::random,
                            StableLmConfig::maxPositions,
                            StableLmModel.FAMILY),
                    Family.all(
                            Qwen3MoeModel.TASKS,
                            Qwen3MoeModel::open,
                            Qwen3MoeModel::random,
                            Qwen3MoeConfig::maxPositions,
                            Qwen3MoeModel.FAMILY),
                    Family.all(
                            Qwen3NextModel.TASKS,
                            Qwen3NextModel::open,
                            Qwen3NextModel::random,
                            Qwen3NextConfig::maxPositions,
                            Qwen3NextModel.FAMILY),
                    Family.all(
                            SeedOssModel.TASKS,
                            SeedOssModel::open,
                            SeedOssModel::random,
                            SeedOssConfig::maxPositions,
                            SeedOssModel.FAMILY),
                    Family.all(
                            SmolLm3Model.TASKS,
                            SmolLm3Model::open,
                            SmolLm3Model::random,
                            SmolLm3Config::maxPositions,
                            SmolLm3Model.FAMILY),
                    Family.all(
                            Starcoder2Model.TASKS,
                            Starcoder2Model::open,
                            Starcoder2Model::random,
                            Starcoder2Config::maxPositions,
                            Starcoder2Model.FAMILY))
            .flatMap(List::stream)
            .toList();

    private DecoderFamilies() {}
}
