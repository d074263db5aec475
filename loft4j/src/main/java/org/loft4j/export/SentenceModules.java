package org.loft4j.export;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.JsonObject;

/** Tells of models of sentence embeddings, and of adapters on them. */
final class SentenceModules {
    /** The file by which sentence-transformers knows them. */
    private static final String FILE = "modules.json";

    /** Families with a tower whose class for states in Transformers gives none of the language model. */
    private static final Set<String> WITHOUT_STATES = Set.of("llama4");

    private SentenceModules() {}

    static boolean exist(Path directory) {
        return Files.isRegularFile(directory.resolve(FILE));
    }

    /** Whether a model makes vectors of texts; of published ones many name the class of a language model. */
    static boolean makeVectors(Path directory, TextConfig config) {
        return config.architecture().makesVectors() || exist(directory);
    }

    /**
     * Refuses vectors that llama.cpp does not compute, and a model of which nothing says how it makes them. One that may write texts is
     * exported as a language model where that is asked for.
     */
    static void require(TextConfig config, GgufModel.Options options) throws CheckpointException {
        PooledVectors vectors = options.vectors();
        if (vectors != null) {
            vectors.requireComputed(config);
        } else if (makeVectors(options.directory(), config) && !config.writes()) {
            throw new CheckpointException(
                    options.directory(),
                    "is for sentence embeddings, and nothing says how it makes a vector of a text's tokens: there is no "
                            + FILE + " beside it; 'loft download --update' gets the one of a model on the hub");
        }
    }

    /**
     * Says who else opens the directory.
     *
     * @param config config.json of the model, or of that under an adapter; null where that is not known
     */
    static void tell(Path directory, @Nullable JsonObject config, Notes notes) throws CheckpointException {
        if (!exist(directory)) {
            return;
        }
        String family = config == null ? "" : config.stringOr("model_type", "");
        if (WITHOUT_STATES.contains(family)) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.PEFT,
                    "Transformers' class of a " + family
                            + " for vectors is the one that writes, with its tower, which has other"
                            + " names and gives no last states; sentence-transformers opens neither",
                    "use loft embed, or train with --method full, which makes a language model of its own");
            // an adapter's checkpoint has no tokenizer, which is looked for there
        } else if (Files.exists(directory.resolve("tokenizer.json"))) {
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    FILE + ": sentence-transformers opens the directory too, as SentenceTransformer(\"" + directory
                            + "\")",
                    "");
        }
    }
}
