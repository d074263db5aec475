package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;

/**
 * What the config.json of a classifier of texts over a decoder is to say of padding. Transformers reads the last token that is
 * not {@code pad_token_id}, and where there is none it takes a text at a time ({@code modeling_layers.py}, {@code
 * modeling_gpt2.py}); Qwen 2.5, Llama 3, Mistral and GPT-2 come without one.
 */
public final class ClassifierPadding {
    private ClassifierPadding() {}

    /**
     * The id that texts are padded with, where config.json lacks it. To pass over it at the end of a text must leave the token
     * that the training has read: it has to be a special token, and not one that the tokenizer puts behind every text, or the chat
     * template behind every conversation that was learnt.
     *
     * @param tokenizer directory of the tokenizer; null for none
     * @param chat what wrote the conversations that the classifier has learnt; null where it has learnt none
     * @return -1 where config.json has an id or needs none, and where there is no such id
     */
    public static long id(Model model, @Nullable Path tokenizer, @Nullable ChatTemplate chat) throws IOException {
        Path origin = model.description().directory();
        if (origin == null || tokenizer == null || !Files.isRegularFile(tokenizer.resolve("tokenizer.json"))) {
            return -1;
        }
        boolean lacksOne = model.task() == Task.SEQUENCE_CLASSIFICATION
                && model instanceof Decoder
                && Files.isRegularFile(origin.resolve("config.json"))
                && ofLanguageModel(Json.read(origin.resolve("config.json"))).longOr("pad_token_id", -1) < 0;
        if (!lacksOne) {
            return -1;
        }
        try (Tokenizer opened = AdaptersTokenizer.open(origin, tokenizer)) {
            long id = opened.padId();
            boolean known = id < model.description().vocabularySize();
            boolean ends = chat != null && chat.mayEndWith(id, opened);
            return known && !ends && isPassedOver(id, opened) ? id : -1;
        } catch (CheckpointException e) {
            // who trains by tokens of another making needs none that can be read
            return -1;
        }
    }

    /** Transformers' classifiers over models with a vision tower look there. */
    private static JsonObject ofLanguageModel(JsonObject config) throws CheckpointException {
        return config.has("text_config") ? config.requireObject("text_config") : config;
    }

    private static boolean isPassedOver(long id, Tokenizer tokenizer) {
        long[] text = tokenizer.encode("a", true);
        boolean special = tokenizer.decode(new long[] {id}, true).isEmpty();
        return special && text.length > 0 && text[text.length - 1] != id;
    }
}
