package org.loft4j.optim;

/**
 * The state of one pair under LoFT after a step, for an observer that asks for it; costs the Gram matrix of the factor that moved, r×r
 * work and one tile of W.
 *
 * @param pair name of the pair
 * @param conditionA condition number of A·Aᵀ, the square of A's; infinite where A has not full rank
 * @param conditionB that of Bᵀ·B
 * @param turn how far the last step turned the subspace of the factor that moved: the root mean square of the sines of the
 *     principal angles between the old and the new one, from 0 (the same) to 1 (nothing left of it); the larger one if both moved; 0
 *     for a factor that was zero before
 * @param epsShare share of the entries of {@code √(V/c₂)} below ε among those with a momentum, in one tile of the factor that moved
 *     last: where ε is the larger one, the quotient is not AdamW's any more; 0 for optimizers without a second moment
 * @param stepNorm {@code ‖W_t − W_{t−1}‖_F}, weight decay included; 0 where the factor that moved was loaded since
 */
public record LoftDiagnostics(
        String pair, double conditionA, double conditionB, double turn, double epsShare, double stepNorm) {}
