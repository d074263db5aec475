package org.loft4j.io;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.Dtype;

/**
 * The checked header of a safetensors file: eight bytes of length, that many bytes of JSON, then the data, which the
 * tensors must fill from first to last byte without overlap or hole
 * (<a href="https://github.com/huggingface/safetensors#format">the format</a>).
 *
 * @param metadata the strings under {@code __metadata__}
 * @param entries tensors by name
 * @param foreign the tensors that cannot be read here, by name: those of types of the format that are no {@link Dtype}
 */
record SafetensorsHeader(
        Map<String, String> metadata, SortedMap<String, Entry> entries, SortedMap<String, ForeignTensor> foreign) {
    /** Longest header that the format allows. */
    static final long MAX_BYTES = 100_000_000;

    /** The name in the header that holds strings instead of a tensor. */
    static final String METADATA = "__metadata__";

    private static final int MAX_DIMENSIONS = 64;

    /** Bits of an element in the types of the format that are no {@link Dtype}. */
    private static final Map<String, Integer> FOREIGN = Map.ofEntries(
            Map.entry("F4", 4),
            Map.entry("F6_E2M3", 6),
            Map.entry("F6_E3M2", 6),
            Map.entry("F8_E4M3", 8),
            Map.entry("F8_E4M3FNUZ", 8),
            Map.entry("F8_E5M2", 8),
            Map.entry("F8_E5M2FNUZ", 8),
            Map.entry("F8_E8M0", 8),
            Map.entry("I8", 8),
            Map.entry("I16", 16),
            Map.entry("U16", 16),
            Map.entry("U32", 32),
            Map.entry("U64", 64),
            Map.entry("C64", 64));

    /** A tensor and the offset in the file of its first byte. */
    record Entry(TensorInfo info, long position) {
        /** Some of its rows as a tensor of their own. */
        Entry rows(long start, long count) {
            long[] shape = info.shape();
            if (shape.length == 0 || start < 0 || count < 0 || start > shape[0] - count) {
                throw new IndexOutOfBoundsException(info + " has no rows " + start + " to " + (start + count));
            }
            long bytes = shape[0] == 0 ? 0 : info.bytes() / shape[0];
            shape[0] = count;
            return new Entry(new TensorInfo(info.name(), info.dtype(), shape, count * bytes), position + start * bytes);
        }
    }

    /** Reads and checks the header. Nothing in it is trusted: all it says is held against the size of the file. */
    static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
        long fileSize = channel.size();
        if (fileSize < Long.BYTES) {
            throw new CheckpointException(
                    file,
                    "not a safetensors file: it has " + fileSize + " bytes, and the length of the header alone has 8");
        }
        ByteBuffer prefix = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (prefix.hasRemaining() && channel.read(prefix, prefix.position()) >= 0) {}
        long length = prefix.flip().getLong();
        if (length < 0 || length > MAX_BYTES) {
            throw new CheckpointException(
                    file,
                    "not a safetensors file: its header would have " + Long.toUnsignedString(length)
                            + " bytes, and the format allows " + MAX_BYTES);
        }
        if (length > fileSize - Long.BYTES) {
            throw new CheckpointException(
                    file,
                    "the header should have " + length + " bytes, and only " + (fileSize - Long.BYTES)
                            + " follow: the file is truncated or not safetensors");
        }
        long dataStart = Long.BYTES + length;
        return new Parser(file, dataStart, fileSize - dataStart).parse(channel, length);
    }

    /** The bytes of a tensor, from an offset in the data. */
    private record Extent(String name, long begin, long bytes) {}

    private static final class Parser {
        private final Path file;
        private final long dataStart;
        private final long dataBytes;
        private final Map<String, String> metadata = new TreeMap<>();
        private final TreeMap<String, Entry> entries = new TreeMap<>();
        private final TreeMap<String, ForeignTensor> foreign = new TreeMap<>();
        private final List<Extent> extents = new ArrayList<>();

        Parser(Path file, long dataStart, long dataBytes) {
            this.file = file;
            this.dataStart = dataStart;
            this.dataBytes = dataBytes;
        }

        SafetensorsHeader parse(FileChannel channel, long length) throws IOException {
            var bytes = new ChannelRange(channel, Long.BYTES, length);
            var text = new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder());
            try {
                requireBrace(channel, length);
                parse(text);
            } catch (CharacterCodingException e) {
                throw new CheckpointException(file, "the header is not UTF-8 text", e);
            } catch (JsonProcessingException e) {
                throw new CheckpointException(file, "the header is not valid JSON: " + JsonFault.of(e), e);
            }
            requireNoOverlapAndNoHole();
            return new SafetensorsHeader(
                    Collections.unmodifiableMap(metadata),
                    Collections.unmodifiableSortedMap(entries),
                    Collections.unmodifiableSortedMap(foreign));
        }

        private void requireBrace(FileChannel channel, long length) throws IOException {
            ByteBuffer first = ByteBuffer.allocate(1);
            if (length == 0 || channel.read(first, Long.BYTES) != 1 || first.get(0) != '{') {
                throw new CheckpointException(file, "the header is not JSON: it must begin with {");
            }
        }

        private void parse(Reader text) throws IOException {
            try (JsonParser json = Json.strict(text)) {
                json.nextToken();
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    parseMember(json, json.currentName());
                }
                if (json.nextToken() != null) {
                    throw new CheckpointException(file, "the header has more than one JSON value");
                }
            }
        }

        private void parseMember(JsonParser json, String name) throws IOException {
            try {
                JsonToken value = json.nextToken();
                if (name.equals(METADATA)) {
                    parseMetadata(json, value);
                } else {
                    parseEntry(json, name, value);
                }
            } catch (JsonProcessingException e) {
                throw fault(name, "the header is not valid JSON: " + JsonFault.of(e));
            }
        }

        private void parseMetadata(JsonParser json, JsonToken value) throws IOException {
            if (value == JsonToken.VALUE_NULL) {
                return;
            }
            if (value != JsonToken.START_OBJECT) {
                throw new CheckpointException(file, METADATA + " must be an object of strings, found " + token(value));
            }
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                if (json.nextToken() != JsonToken.VALUE_STRING) {
                    throw new CheckpointException(
                            file,
                            METADATA + ": " + JsonFault.quote(key) + " must be a string, found "
                                    + token(json.currentToken()));
                }
                metadata.put(key, json.getText());
            }
        }

        private void parseEntry(JsonParser json, String name, JsonToken value) throws IOException {
            if (value != JsonToken.START_OBJECT) {
                throw fault(name, "expected an object with dtype, shape and data_offsets, found " + token(value));
            }
            String dtype = null;
            long[] shape = null;
            long[] offsets = null;
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                json.nextToken();
                switch (key) {
                    case "dtype" -> dtype = dtype(json, name);
                    case "shape" -> shape = naturals(json, name, key, MAX_DIMENSIONS);
                    case "data_offsets" -> offsets = naturals(json, name, key, 2);
                    default -> json.skipChildren();
                }
            }
            addEntry(
                    name,
                    require(name, "dtype", dtype),
                    require(name, "shape", shape),
                    require(name, "data_offsets", offsets));
        }

        private void addEntry(String name, String dtype, long[] shape, long[] offsets) throws CheckpointException {
            if (offsets.length != 2) {
                throw fault(name, "data_offsets must be two numbers, found " + offsets.length);
            }
            long begin = offsets[0];
            long end = offsets[1];
            if (begin > end || end > dataBytes) {
                throw fault(
                        name,
                        "data_offsets [" + begin + ", " + end + "] lie outside of the data, which has " + dataBytes
                                + " bytes: the file is truncated or damaged");
            }
            Dtype ours = ours(dtype);
            int bits = ours != null ? Byte.SIZE * ours.bytes() : FOREIGN.getOrDefault(dtype, Byte.SIZE);
            long bytes = bytes(name, bits, shape);
            if (bytes != end - begin) {
                throw fault(
                        name,
                        dtype + " of shape " + Arrays.toString(shape) + " takes " + bytes + " bytes, and data_offsets ["
                                + begin + ", " + end + "] hold " + (end - begin));
            }
            extents.add(new Extent(name, begin, bytes));
            if (ours == null) {
                foreign.put(name, new ForeignTensor(dtype, shape, bytes));
            } else {
                entries.put(name, new Entry(new TensorInfo(name, ours, shape, bytes), dataStart + begin));
            }
        }

        private long bytes(String name, int bits, long[] shape) throws CheckpointException {
            boolean empty = false;
            boolean whole = bits % Byte.SIZE == 0;
            long product = whole ? bits / Byte.SIZE : bits;
            try {
                for (long size : shape) {
                    empty |= size == 0;
                    product = Math.multiplyExact(product, Math.max(size, 1));
                }
            } catch (ArithmeticException e) {
                throw fault(name, "shape " + Arrays.toString(shape) + " overflows 64 bits");
            }
            if (!whole && !empty && product % Byte.SIZE != 0) {
                throw fault(name, "shape " + Arrays.toString(shape) + " is no whole number of bytes");
            }
            return empty ? 0 : whole ? product : product / Byte.SIZE;
        }

        private static @Nullable Dtype ours(String dtype) {
            for (Dtype ours : Dtype.values()) {
                if (ours.name().equals(dtype)) {
                    return ours;
                }
            }
            return null;
        }

        private String dtype(JsonParser json, String name) throws IOException {
            if (json.currentToken() != JsonToken.VALUE_STRING) {
                throw fault(name, "dtype must be a string, found " + token(json.currentToken()));
            }
            String found = json.getText();
            if (ours(found) != null || FOREIGN.containsKey(found)) {
                return found;
            }
            throw fault(
                    name,
                    "dtype must be one of " + Arrays.toString(Dtype.values()) + " or " + new TreeSet<>(FOREIGN.keySet())
                            + ", found " + JsonFault.quote(found));
        }

        private long[] naturals(JsonParser json, String name, String key, int limit) throws IOException {
            if (json.currentToken() != JsonToken.START_ARRAY) {
                throw fault(name, key + " must be an array of numbers, found " + token(json.currentToken()));
            }
            long[] values = new long[limit];
            int count = 0;
            while (json.nextToken() != JsonToken.END_ARRAY) {
                if (count == limit) {
                    throw fault(name, key + " must not have more than " + limit + " numbers");
                }
                boolean integer = json.currentToken() == JsonToken.VALUE_NUMBER_INT;
                if (!integer || json.getNumberType() == JsonParser.NumberType.BIG_INTEGER || json.getLongValue() < 0) {
                    throw fault(
                            name,
                            key + " must be whole numbers from 0 to 2^63 - 1, found "
                                    + JsonFault.quote(json.getText()));
                }
                values[count++] = json.getLongValue();
            }
            return Arrays.copyOf(values, count);
        }

        private void requireNoOverlapAndNoHole() throws CheckpointException {
            extents.sort(Comparator.comparingLong(Extent::begin).thenComparingLong(Extent::bytes));
            long end = 0;
            for (Extent extent : extents) {
                if (extent.begin() != end) {
                    throw fault(
                            extent.name(),
                            "its data begin at " + extent.begin() + ", and those before it end at " + end
                                    + ": tensors must neither overlap nor leave a hole");
                }
                end += extent.bytes();
            }
            if (end != dataBytes) {
                throw new CheckpointException(
                        file, "the data have " + dataBytes + " bytes, and the tensors account for " + end);
            }
        }

        private <T> T require(String name, String key, @Nullable T value) throws CheckpointException {
            if (value == null) {
                throw fault(name, key + " is missing");
            }
            return value;
        }

        private static String token(@Nullable JsonToken token) {
            return token == null
                    ? "the end"
                    : token.name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }

        private CheckpointException fault(String name, String fault) {
            return new CheckpointException(file, "tensor " + JsonFault.quote(name) + ": " + fault);
        }
    }
}
