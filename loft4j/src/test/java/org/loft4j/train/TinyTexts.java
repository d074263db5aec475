package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.model.Models;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** Texts of a few tokens, of which each is to be written with every token twice, and a T5 of some thousand parameters that can learn it. */
final class TinyTexts {
    static final int VOCABULARY = 24;

    /** The end of what is read and written. */
    private static final int END = 1;

    private TinyTexts() {}

    /** With new weights. */
    static EncoderDecoder model(Path directory, double dropout) throws IOException {
        Files.writeString(directory.resolve("config.json"), """
                {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": true,
                 "vocab_size": 24, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2,
                 "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false, "pad_token_id": 0, "eos_token_id": 1,
                 "decoder_start_token_id": 0, "relative_attention_num_buckets": 8,
                 "relative_attention_max_distance": 12, "dropout_rate": %s}
                """.formatted(dropout));
        return (EncoderDecoder)
                Models.initialise(directory, ModelOptions.of(Task.SEQ2SEQ_LM).withSeed(3));
    }

    /** The same of M2M-100, whose blocks are passed over now and then. */
    static EncoderDecoder translator(Path directory) throws IOException {
        Files.writeString(directory.resolve("config.json"), """
                {"architectures": ["M2M100ForConditionalGeneration"], "model_type": "m2m_100", "is_encoder_decoder": true,
                 "vocab_size": 24, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
                 "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 64,
                 "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 1, "dropout": 0.05,
                 "attention_dropout": 0.05, "activation_dropout": 0.05, "encoder_layerdrop": 0.05, "decoder_layerdrop": 0.05,
                 "init_std": 0.2}
                """);
        return (EncoderDecoder)
                Models.initialise(directory, ModelOptions.of(Task.SEQ2SEQ_LM).withSeed(3));
    }

    static SourceTargetDataset doubled(int rows, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<int[]> sources = new ArrayList<>();
        List<int[]> targets = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            int[] word = random.ints(random.nextInt(2, 7), 4, VOCABULARY).toArray();
            sources.add(ended(IntStream.of(word)));
            targets.add(ended(IntStream.of(word).flatMap(id -> IntStream.of(id, id))));
        }
        return SourceTargetDataset.ofIds(sources, targets);
    }

    private static int[] ended(IntStream ids) {
        return IntStream.concat(ids, IntStream.of(END)).toArray();
    }
}
