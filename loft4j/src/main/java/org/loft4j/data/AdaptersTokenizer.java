package org.loft4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;

/**
 * The tokenizer that goes with a model and an adapter: the adapter's own where its directory has a tokenizer.json, as PEFT's
 * {@code AutoPeftModel} takes it, for a training may have added tokens or given texts another end; else the model's.
 */
public final class AdaptersTokenizer {
    private static final String FILE = "tokenizer.json";

    private AdaptersTokenizer() {}

    /** Where its files are. */
    public static Path directory(Path modelDirectory, @Nullable Path adapterDirectory) {
        return adapterDirectory != null && Files.isRegularFile(adapterDirectory.resolve(FILE))
                ? adapterDirectory
                : modelDirectory;
    }

    /**
     * Opens it. What an adapter's directory does not hold of config.json and generation_config.json is the model's.
     *
     * @throws CheckpointException as {@link Tokenizer#open} does
     */
    public static Tokenizer open(Path modelDirectory, @Nullable Path adapterDirectory) throws IOException {
        return Tokenizer.open(directory(modelDirectory, adapterDirectory), modelDirectory);
    }

    /**
     * Refuses an adapter's own tokenizer with ids that the model has no vectors for, unless the model's tokenizer has as many itself.
     *
     * @param vocabularySize rows of the model's embedding
     * @throws CheckpointException if there are such ids: how many ids there are, and how many rows
     */
    public static void check(Path modelDirectory, @Nullable Path adapterDirectory, long vocabularySize)
            throws IOException {
        if (adapterDirectory == null
                || directory(modelDirectory, adapterDirectory).equals(modelDirectory)) {
            return;
        }
        Path own = adapterDirectory.resolve(FILE);
        Path models = modelDirectory.resolve(FILE);
        if (Files.isRegularFile(models) && Files.mismatch(own, models) < 0) {
            return;
        }
        long ids = TokenizerFile.ids(own);
        // the model's own may have some without a vector too, as Gemma 3's for images
        if (ids > vocabularySize && !(Files.isRegularFile(models) && ids <= TokenizerFile.ids(models))) {
            throw new CheckpointException(
                    own,
                    "this tokenizer has " + ids + " ids, and the model " + vocabularySize
                            + " rows of vectors for them: tokens were added to it. Take the model whose embedding was"
                            + " enlarged for them; or, if the adapter needs none of them, move this file away, and the"
                            + " model's own tokenizer is taken");
        }
    }
}
