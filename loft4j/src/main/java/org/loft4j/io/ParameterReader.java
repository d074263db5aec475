package org.loft4j.io;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.Shown;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * The parameters of a model in a source that may spell their names in another way: without the prefix of the whole model,
 * as a base model's file does, or as an older version did.
 */
public final class ParameterReader {
    private static final System.Logger LOG = System.getLogger(ParameterReader.class.getName());
    private static final int NAMES_SHOWN = 8;

    private final TensorSource source;
    private final Map<String, String> onDisk = new TreeMap<>();

    /** @param canonical maps a name in the source to the name that the model uses */
    public ParameterReader(TensorSource source, UnaryOperator<String> canonical) {
        this.source = source;
        for (String name : source.names()) {
            onDisk.put(canonical.apply(name), name);
        }
    }

    /** Where the parameters are read from. */
    public Path path() {
        return source.path();
    }

    /** The names in the source by the canonical ones. */
    public Map<String, String> spellings() {
        return Collections.unmodifiableMap(onDisk);
    }

    /** Whether the source holds the parameter of this canonical name. */
    public boolean has(String name) {
        return onDisk.containsKey(name);
    }

    /** What the source says about a parameter that it {@linkplain #has has}. */
    public TensorInfo info(String name) throws CheckpointException {
        return source.info(onDisk.getOrDefault(name, name));
    }

    /**
     * Checks that all parameters are there, floating, and of the shapes that the configuration asks for. What the source
     * holds beyond them is logged as a warning.
     *
     * @param shapes by canonical name
     * @param bytes likewise, of those that must hold bytes instead
     * @param harmless canonical names that a file may hold without being missed
     */
    public void require(Map<String, long[]> shapes, Map<String, long[]> bytes, Predicate<String> harmless)
            throws CheckpointException {
        Map<String, long[]> all = new LinkedHashMap<>(shapes);
        all.putAll(bytes);
        List<String> missing = all.keySet().stream().filter(name -> !has(name)).toList();
        if (!missing.isEmpty()) {
            throw new CheckpointException(
                    source.path(),
                    missing.size() + " of the " + all.size() + " tensors that config.json asks for are missing: "
                            + shown(missing));
        }
        for (Map.Entry<String, long[]> entry : all.entrySet()) {
            TensorInfo info = info(entry.getKey());
            if (!Arrays.equals(info.shape(), entry.getValue())) {
                throw new CheckpointException(
                        source.path(),
                        info.name() + " must have shape " + Shapes.text(entry.getValue()) + " by config.json, got "
                                + Shapes.text(info.shape()));
            }
            if (bytes.containsKey(entry.getKey())) {
                if (info.dtype() != Dtype.U8) {
                    throw new CheckpointException(
                            source.path(), info.name() + " must hold bytes (U8), got " + info.dtype());
                }
            } else if (!info.dtype().isFloating()) {
                throw new CheckpointException(
                        source.path(),
                        info.name() + " must hold floating-point numbers, got " + info.dtype()
                                + ": quantized weights are not supported");
            }
        }
        List<String> unexpected = new ArrayList<>();
        onDisk.forEach((name, disk) -> {
            if (!all.containsKey(name) && !harmless.test(name)) {
                unexpected.add(disk);
            }
        });
        if (!unexpected.isEmpty()) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "{0}: {1} tensors have no place in the model and are ignored: {2}",
                    source.path(),
                    unexpected.size(),
                    shown(unexpected));
        }
    }

    /** Refuses an output embedding that is not a copy of the input embedding; see {@link TiedHead#requireCopy}. */
    public void requireCopy(String head, String embedding) throws CheckpointException {
        TiedHead.requireCopy(source, onDisk.getOrDefault(head, head), onDisk.getOrDefault(embedding, embedding));
    }

    /** Reads one parameter, as the dtype and on the device asked for; it belongs to the open scope. */
    public Tensor read(String name, Dtype dtype, DeviceSpec device) throws CheckpointException {
        return source.read(onDisk.getOrDefault(name, name)).to(device.torch(), dtype.scalarType());
    }

    /** Reads some rows of one parameter, in its own dtype, onto a device; they belong to the open scope. */
    public Tensor read(String name, long start, long count, DeviceSpec device) throws CheckpointException {
        return source.read(onDisk.getOrDefault(name, name), start, count)
                .to(device.torch(), info(name).dtype().scalarType());
    }

    private static String shown(List<String> names) {
        String first = names.stream().limit(NAMES_SHOWN).map(Shown::text).collect(Collectors.joining(", "));
        return names.size() > NAMES_SHOWN ? first + ", …" : first;
    }
}
