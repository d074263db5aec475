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
 * @param dataStart offset in the file of the first byte of data
 */
record SafetensorsHeader(Map<String, String> metadata, SortedMap<String, Entry> entries, long dataStart) {
    /** Longest header that the format allows. */
    static final long MAX_BYTES = 100_000_000;

    /** The name in the header that holds strings instead of a tensor. */
    static final String METADATA = "__metadata__";

    private static final int MAX_DIMENSIONS = 64;

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

    private static final class Parser {
        private final Path file;
        private final long dataStart;
        private final long dataBytes;
        private final Map<String, String> metadata = new TreeMap<>();
        private final TreeMap<String, Entry> entries = new TreeMap<>();

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
                    Collections.unmodifiableMap(metadata), Collections.unmodifiableSortedMap(entries), dataStart);
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
                    entries.put(name, parseEntry(json, name, value));
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

        private Entry parseEntry(JsonParser json, String name, JsonToken value) throws IOException {
            if (value != JsonToken.START_OBJECT) {
                throw fault(name, "expected an object with dtype, shape and data_offsets, found " + token(value));
            }
            Dtype dtype = null;
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
            return entry(
                    name,
                    require(name, "dtype", dtype),
                    require(name, "shape", shape),
                    require(name, "data_offsets", offsets));
        }

        private Entry entry(String name, Dtype dtype, long[] shape, long[] offsets) throws CheckpointException {
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
            long bytes = bytes(name, dtype, shape);
            if (bytes != end - begin) {
                throw fault(
                        name,
                        dtype + " of shape " + Arrays.toString(shape) + " takes " + bytes + " bytes, and data_offsets ["
                                + begin + ", " + end + "] hold " + (end - begin));
            }
            return new Entry(new TensorInfo(name, dtype, shape, bytes), dataStart + begin);
        }

        private long bytes(String name, Dtype dtype, long[] shape) throws CheckpointException {
            boolean empty = false;
            long product = dtype.bytes();
            try {
                for (long size : shape) {
                    empty |= size == 0;
                    product = Math.multiplyExact(product, Math.max(size, 1));
                }
            } catch (ArithmeticException e) {
                throw fault(name, "shape " + Arrays.toString(shape) + " overflows 64 bits");
            }
            return empty ? 0 : product;
        }

        private Dtype dtype(JsonParser json, String name) throws IOException {
            if (json.currentToken() != JsonToken.VALUE_STRING) {
                throw fault(name, "dtype must be a string, found " + token(json.currentToken()));
            }
            String found = json.getText();
            for (Dtype dtype : Dtype.values()) {
                if (dtype.name().equals(found)) {
                    return dtype;
                }
            }
            throw fault(
                    name,
                    "dtype must be one of " + Arrays.toString(Dtype.values()) + ", found " + JsonFault.quote(found));
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
            List<Entry> order = new ArrayList<>(entries.values());
            order.sort(Comparator.comparingLong(Entry::position)
                    .thenComparingLong(entry -> entry.info().bytes()));
            long end = dataStart;
            for (Entry entry : order) {
                if (entry.position() != end) {
                    throw fault(
                            entry.info().name(),
                            "its data begin at " + (entry.position() - dataStart) + ", and those before it end at "
                                    + (end - dataStart) + ": tensors must neither overlap nor leave a hole");
                }
                end += entry.info().bytes();
            }
            if (end != dataStart + dataBytes) {
                throw new CheckpointException(
                        file,
                        "the data have " + dataBytes + " bytes, and the tensors account for " + (end - dataStart));
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
