package org.loft4j.nn;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Four bits a number: the NormalFloat of Dettmers et al. 2023 (arXiv:2305.14314, section 3) with double quantisation.
 * Sixty-four numbers of a row share a constant, the largest magnitude among them, which brings them into [−1, 1] and to the
 * nearest number of the code book. The constants are kept less their mean, as {@link DynamicFloat}s of eight bits, 256 of which share
 * one float32 scale, the largest magnitude among them; so bitsandbytes has it:
 *
 * <pre>  w ≈ (mean + scale·q)·code</pre>
 *
 * which is {@code 4 + 8/64 + 32/(64·256) = 4.127} bits a number. A row that is no multiple of 64 long is filled up with zeros.
 */
public final class Nf4Weight implements QuantizedWeight {
    /** Numbers that share a constant. */
    static final int BLOCK = 64;

    /** Constants that share a scale. */
    static final int CONSTANTS = 256;

    /** Of each device, once for all weights. */
    private static final Map<DeviceSpec, Tables> TABLES = new ConcurrentHashMap<>();

    /** What is looked up. */
    private record Tables(Tensor codes, Tensor constants) {
        static Tables on(DeviceSpec device) {
            return TABLES.computeIfAbsent(
                    device,
                    there -> new Tables(
                            NativeScope.keep(NormalFloat.table(there)), NativeScope.keep(DynamicFloat.table(there))));
        }
    }

    private final long in;
    private final Tensor codes;
    private final Tensor constants;
    private final Tensor scales;
    private final Tensor mean;
    private final Tables tables;
    private final Dtype dtype;
    private final boolean storedTransposed;
    private final long first;
    private final long out;

    /**
     * @param codes {@code (out, blocks·32)} bytes
     * @param largest the constants, {@code (out, blocks)} in float32
     */
    private Nf4Weight(long in, Tensor codes, Tensor largest, Dtype dtype, boolean storedTransposed) {
        this.in = in;
        this.codes = NativeScope.keep(codes);
        this.mean = NativeScope.keep(largest.mean());
        Tensor centred = filled(largest.sub(mean).view(1, -1), CONSTANTS).view(-1, CONSTANTS);
        this.scales = NativeScope.keep(centred.abs().amax(new long[] {1}, true));
        Tensor divisor = scales.masked_fill(scales.eq(new Scalar(0)), new Scalar(1.0));
        this.constants = NativeScope.keep(DynamicFloat.codes(centred.div(divisor)));
        this.tables = Tables.on(DeviceSpec.of(codes));
        this.dtype = dtype;
        this.storedTransposed = storedTransposed;
        this.first = 0;
        this.out = codes.size(0);
    }

    /** Some rows of another one. */
    private Nf4Weight(Nf4Weight whole, long first, long out) {
        this.in = whole.in;
        this.codes = whole.codes;
        this.constants = whole.constants;
        this.scales = whole.scales;
        this.mean = whole.mean;
        this.tables = whole.tables;
        this.dtype = whole.dtype;
        this.storedTransposed = whole.storedTransposed;
        this.first = first;
        this.out = out;
    }

    @Override
    public Nf4Weight part(long start, long count) {
        return new Nf4Weight(this, first + start, count);
    }

    /** Rows that are quantised as they come; their constants follow once all are there. */
    static final class Rows implements QuantizedWeight.Builder {
        private final long in;
        private final Tensor codes;
        private final Tensor largest;
        private final Dtype dtype;
        private final boolean storedTransposed;

        Rows(long out, long in, Dtype dtype, DeviceSpec device, boolean storedTransposed) {
            long blocks = (in + BLOCK - 1) / BLOCK;
            this.in = in;
            this.codes = Tensors.empty(Dtype.U8, device, out, blocks * BLOCK / 2);
            this.largest = Tensors.empty(Dtype.F32, device, out, blocks);
            this.dtype = dtype;
            this.storedTransposed = storedTransposed;
        }

        @Override
        public void put(long first, Tensor part) {
            try (AutoGradMode frozen = new AutoGradMode(false)) {
                TiledProduct.eachTile(part.size(0), in, 1, DeviceSpec.of(part), (start, count) -> {
                    Tensor rows = filled(part.narrow(0, start, count).to(ScalarType.Float), BLOCK)
                            .view(count, -1, BLOCK);
                    Tensor most = Int8Weight.finite(rows.abs().amax(new long[] {2}, false));
                    largest.narrow(0, first + start, count).copy_(most);
                    Tensor divisor = most.masked_fill(most.eq(new Scalar(0)), new Scalar(1.0));
                    Tensor packed = NormalFloat.pack(rows.div(divisor.unsqueeze(2)));
                    codes.narrow(0, first + start, count).copy_(packed.view(count, -1));
                });
            }
        }

        @Override
        public Nf4Weight build() {
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                return new Nf4Weight(in, codes, largest, dtype, storedTransposed);
            }
        }
    }

    /** The rows, filled up with zeros to a multiple of a length. */
    private static Tensor filled(Tensor rows, long multiple) {
        long missing = Math.floorMod(-rows.size(1), multiple);
        return missing == 0 ? rows.contiguous() : torch.constant_pad_nd(rows, new long[] {0, missing}, new Scalar(0));
    }

    @Override
    public long out() {
        return out;
    }

    @Override
    public long in() {
        return in;
    }

    @Override
    public Dtype dtype() {
        return dtype;
    }

    @Override
    public DeviceSpec device() {
        return DeviceSpec.of(codes);
    }

    @Override
    public boolean isStoredTransposed() {
        return storedTransposed;
    }

    @Override
    public LoadIn loadIn() {
        return LoadIn.NF4;
    }

    @Override
    public long bytes() {
        return codes.numel() + constants.numel() + (scales.numel() + mean.numel()) * Dtype.F32.bytes();
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
        return TiledProduct.of(this, x, bias);
    }

    @Override
    public Tensor gradientOfInput(Tensor gradient) {
        return TiledProduct.gradientOfInput(this, gradient);
    }

    @Override
    public Tensor wideRows(long start, long count) {
        return numbers(codes.narrow(0, first + start, count), constants(first + start, count))
                .narrow(1, 0, in);
    }

    @Override
    public Tensor rows(Tensor ids) {
        Tensor own = first == 0 ? ids : ids.add(new Scalar(first));
        return widen(codes.index_select(0, own), constants(own, 0, perRow())).narrow(1, 0, in);
    }

    /** The constants of some blocks of some rows, {@code (count of ids, count)} in float32. */
    private Tensor constants(Tensor ids, long start, long count) {
        Tensor blocks = torch.arange(new Scalar(start), new Scalar(start + count), ids.options());
        Tensor at = ids.unsqueeze(1).mul(new Scalar(perRow())).add(blocks).view(-1);
        return DynamicFloat.numbers(constants.view(-1).index_select(0, at), tables.constants())
                .mul_(scales.view(-1).index_select(0, at.floor_divide(new Scalar(CONSTANTS))))
                .add_(mean)
                .view(-1, count);
    }

    /** Blocks, and so constants, of a row. */
    private long perRow() {
        return codes.size(1) * 2 / BLOCK;
    }

    @Override
    public Tensor columns(long start, long count) {
        long block = start / BLOCK;
        long blocks = (start + count + BLOCK - 1) / BLOCK - block;
        Tensor part = codes.narrow(0, first, out).narrow(1, block * BLOCK / 2, blocks * BLOCK / 2);
        Tensor all = torch.arange(
                new Scalar(first),
                new Scalar(first + out),
                codes.options().dtype(new ScalarTypeOptional(ScalarType.Long)));
        return widen(part, constants(all, block, blocks)).narrow(1, start - block * BLOCK, count);
    }

    /** The constants of some rows, {@code (count, blocks)} in float32. */
    private Tensor constants(long start, long count) {
        long perRow = perRow();
        long begin = start * perRow;
        long end = begin + count * perRow;
        long group = begin / CONSTANTS;
        long groups = (end + CONSTANTS - 1) / CONSTANTS - group;
        return DynamicFloat.numbers(constants.narrow(0, group, groups), tables.constants())
                .mul_(scales.narrow(0, group, groups))
                .add_(mean)
                .view(-1)
                .narrow(0, begin - group * CONSTANTS, end - begin)
                .view(count, perRow);
    }

    private Tensor widen(Tensor bytes, Tensor constant) {
        return numbers(bytes, constant).to(dtype.scalarType());
    }

    /** In float32. */
    private Tensor numbers(Tensor bytes, Tensor constant) {
        return NormalFloat.unpack(bytes, tables.codes())
                .view(bytes.size(0), -1, BLOCK)
                .mul_(constant.unsqueeze(2))
                .view(bytes.size(0), -1);
    }

    @Override
    public void close() {
        for (Tensor tensor : new Tensor[] {codes, constants, scales, mean}) {
            tensor.close();
        }
    }
}
