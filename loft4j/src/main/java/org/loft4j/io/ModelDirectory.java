package org.loft4j.io;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;

/**
 * The weights of a Hugging Face model directory: {@code model.safetensors}, or the shards that
 * {@code model.safetensors.index.json} names.
 */
public final class ModelDirectory implements TensorSource {
    /** The file of a model that is not sharded. */
    public static final String SINGLE = "model.safetensors";

    /** The file that says which shard holds which tensor. */
    public static final String INDEX = SINGLE + ".index.json";

    /** The settings of an adapter, in whose directory there is no model. */
    public static final String ADAPTER_CONFIG = "adapter_config.json";

    private static final Pattern SHARD = Pattern.compile("[^/\\\\:\\p{Cc}]+(/[^/\\\\:\\p{Cc}]+)*");

    private final Path directory;
    private final Map<String, SafetensorsFile> files;
    private final TreeMap<String, SafetensorsFile> byName;

    private ModelDirectory(
            Path directory, Map<String, SafetensorsFile> files, TreeMap<String, SafetensorsFile> byName) {
        this.directory = directory;
        this.files = files;
        this.byName = byName;
    }

    /** Whether the directory has weights that {@link #open} would read. */
    public static boolean exists(Path directory) {
        return Files.exists(directory.resolve(SINGLE)) || Files.exists(directory.resolve(INDEX));
    }

    /**
     * Opens the weights of a directory and checks all headers.
     *
     * @throws CheckpointException if there are none, a shard is missing or damaged, or a tensor is not where the index says
     */
    public static ModelDirectory open(Path directory) throws CheckpointException {
        if (!Files.isDirectory(directory)) {
            throw new CheckpointException(directory, "there is no such directory");
        }
        var files = new TreeMap<String, SafetensorsFile>();
        var byName = new TreeMap<String, SafetensorsFile>();
        boolean opened = false;
        try {
            if (Files.exists(directory.resolve(SINGLE))) {
                var file = SafetensorsFile.open(directory.resolve(SINGLE));
                files.put(SINGLE, file);
                file.names().forEach(name -> byName.put(name, file));
            } else if (Files.exists(directory.resolve(INDEX))) {
                openShards(directory, files, byName);
            } else {
                throw new CheckpointException(
                        directory, "there is no " + SINGLE + " and no " + INDEX + other(directory));
            }
            opened = true;
            return new ModelDirectory(directory, files, byName);
        } finally {
            if (!opened) {
                files.values().forEach(SafetensorsFile::close);
            }
        }
    }

    private static String other(Path directory) {
        for (String pickled : new String[] {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
            if (Files.exists(directory.resolve(pickled))) {
                return "; " + pickled + " cannot be read: save the model with safe_serialization=True";
            }
        }
        return "";
    }

    private static void openShards(
            Path directory, Map<String, SafetensorsFile> files, Map<String, SafetensorsFile> byName)
            throws CheckpointException {
        JsonObject weightMap = Json.read(directory.resolve(INDEX)).requireObject("weight_map");
        for (String name : weightMap.keys()) {
            String shard = weightMap.requireString(name);
            SafetensorsFile file = files.get(shard);
            if (file == null) {
                file = SafetensorsFile.open(shard(directory, name, shard));
                files.put(shard, file);
            }
            if (!file.names().contains(name)) {
                throw new CheckpointException(
                        file.path(),
                        "there is no tensor " + JsonFault.quote(name) + ", which " + INDEX + " says is here");
            }
            byName.put(name, file);
        }
    }

    /** The path of a shard, which must lie inside of the directory by its spelling. */
    private static Path shard(Path directory, String name, String shard) throws CheckpointException {
        Path index = directory.resolve(INDEX);
        String fault = "tensor " + JsonFault.quote(name) + ": its shard " + JsonFault.quote(shard);
        try {
            Path relative = Path.of(shard);
            boolean inside = SHARD.matcher(shard).matches() && !relative.isAbsolute();
            for (Path part : relative) {
                inside &= !part.toString().equals("..");
            }
            if (!inside) {
                throw new CheckpointException(index, fault + " must be a file inside of the directory");
            }
            Path file = directory.resolve(relative);
            if (!Files.exists(file)) {
                throw new CheckpointException(index, fault + " is missing");
            }
            return file;
        } catch (InvalidPathException e) {
            throw new CheckpointException(index, fault + " must be a file inside of the directory", e);
        }
    }

    @Override
    public Path path() {
        return directory;
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(byName.keySet());
    }

    /** The files that hold the tensors, in the order of their names. */
    public Set<String> files() {
        return Collections.unmodifiableSet(files.keySet());
    }

    /** The tensors that cannot be read here, by name, as {@link SafetensorsFile#foreign} has them. */
    public Map<String, ForeignTensor> foreign() {
        Map<String, ForeignTensor> foreign = new TreeMap<>();
        byName.forEach((name, file) -> {
            ForeignTensor tensor = file.foreign().get(name);
            if (tensor != null) {
                foreign.put(name, tensor);
            }
        });
        return foreign;
    }

    @Override
    public TensorInfo info(String name) throws CheckpointException {
        return holder(name).info(name);
    }

    @Override
    public Tensor read(String name) throws CheckpointException {
        return holder(name).read(name);
    }

    @Override
    public Tensor read(String name, long start, long count) throws CheckpointException {
        return holder(name).read(name, start, count);
    }

    private SafetensorsFile holder(String name) throws CheckpointException {
        SafetensorsFile file = byName.get(name);
        if (file == null) {
            throw new CheckpointException(directory, "there is no tensor " + JsonFault.quote(name));
        }
        return file;
    }

    @Override
    public void close() {
        files.values().forEach(SafetensorsFile::close);
    }
}
