package org.loft4j.io;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.loft4j.CheckpointException;

/**
 * Which files of a repository make a model directory: the configuration, the tokenizer and the safetensors weights at its
 * root, further chat templates in a folder of theirs, and the pooling of sentence-transformers in its own. Other formats of the same weights are left where they are, above all
 * pickles, which run code when they are opened.
 */
final class HubFiles {
    static final String CONFIG = "config.json";
    static final String TOKENIZER = "tokenizer.json";
    static final String PREPROCESSOR = "preprocessor_config.json";
    static final String ADAPTER_CONFIG = ModelDirectory.ADAPTER_CONFIG;
    static final String ADAPTER_WEIGHTS = "adapter_model.safetensors";

    private static final List<String> BESIDE = List.of(
            CONFIG,
            "generation_config.json",
            TOKENIZER,
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.json",
            "merges.txt",
            "vocab.txt",
            "tokenizer.model",
            "spiece.model",
            "spm.model",
            "sentencepiece.bpe.model",
            "chat_template.jinja",
            "chat_template.json",
            PREPROCESSOR,
            "processor_config.json",
            "video_preprocessor_config.json",
            ADAPTER_CONFIG,
            "loft_task.json",
            "modules.json",
            "sentence_bert_config.json",
            "sentence_roberta_config.json",
            "sentence_distilbert_config.json",
            "sentence_camembert_config.json",
            "sentence_xlm-roberta_config.json",
            "config_sentence_transformers.json");

    private static final Pattern IN_FOLDERS =
            Pattern.compile("additional_chat_templates/[^/]+\\.jinja|[^/]*[Pp]ooling[^/]*/config\\.json"
                    + "|\\d+_Dense/(config\\.json|model\\.safetensors)");
    private static final Pattern SEGMENT = Pattern.compile("[^/\\\\:\\p{Cc}]+");
    private static final Pattern PICKLE = Pattern.compile("[^/]+\\.(bin|pt|pth|ckpt|pkl)");

    private HubFiles() {}

    /** The small files that lie beside the weights, as far as the repository has them. */
    static List<String> beside(Collection<String> listed) {
        Stream<String> inFolders = listed.stream()
                .filter(file -> IN_FOLDERS.matcher(file).matches() && isInside(file))
                .sorted();
        return Stream.concat(BESIDE.stream().filter(listed::contains), inFolders)
                .toList();
    }

    /**
     * The files of weights, or the index that names them.
     *
     * @throws HubException if there are none that can be read
     */
    static List<String> weights(HubName name, Collection<String> listed) throws HubException {
        List<String> weights = new ArrayList<>();
        if (listed.contains(ModelDirectory.SINGLE)) {
            weights.add(ModelDirectory.SINGLE);
        } else if (listed.contains(ModelDirectory.INDEX)) {
            weights.add(ModelDirectory.INDEX);
        }
        if (listed.contains(ADAPTER_CONFIG) && listed.contains(ADAPTER_WEIGHTS)) {
            weights.add(ADAPTER_WEIGHTS);
        }
        if (weights.isEmpty()) {
            String pickle = listed.stream()
                    .filter(file -> PICKLE.matcher(file).matches())
                    .findFirst()
                    .orElse(null);
            throw new HubException(
                    name,
                    pickle == null
                            ? "holds no " + ModelDirectory.SINGLE + " and no " + ModelDirectory.INDEX
                                    + ", so there are no weights to load"
                            : "holds its weights as a pickle (" + JsonFault.quote(pickle)
                                    + "), which can run code when it is opened, and not as safetensors: name a revision"
                                    + " that has " + ModelDirectory.SINGLE + " (" + name.repository()
                                    + "@REVISION), or save the model in Python with safe_serialization=True");
        }
        return weights;
    }

    /**
     * The shards that an index names.
     *
     * @throws CheckpointException if one of them would lie outside of the directory
     */
    static Collection<String> shards(Path index) throws CheckpointException {
        JsonObject map = Json.read(index).requireObject("weight_map");
        TreeSet<String> shards = new TreeSet<>();
        for (String tensor : map.keys()) {
            String shard = map.requireString(tensor);
            if (!isInside(shard) || !shard.endsWith(".safetensors")) {
                throw new CheckpointException(
                        index, "names the shard " + JsonFault.quote(shard) + ", which is no safetensors file in here");
            }
            shards.add(shard);
        }
        return shards;
    }

    /** Whether a name, as a server gives it, was made to leave the directory; no repository of a person has such a file. */
    static boolean leadsOut(String file) {
        return file.startsWith("/")
                || file.indexOf('\\') >= 0
                || List.of(file.split("/", -1)).contains("..");
    }

    /** Whether a name, as a server gives it, stays inside of the directory into which it is put, on every system. */
    static boolean isInside(String file) {
        for (String segment : file.split("/", -1)) {
            if (!SEGMENT.matcher(segment).matches() || segment.equals(".") || segment.equals("..")) {
                return false;
            }
        }
        return true;
    }
}
