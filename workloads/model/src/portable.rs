//! `f64` whose logarithm, exponential and powers are the same on every machine.
//!
//! IEEE 754 fixes addition, multiplication, division and square roots to the last bit, but not
//! `ln`, `exp` and `pow`: the system's C library differs between versions and even between CPUs
//! (it picks FMA variants at run time), and `num-traits` uses it as soon as any crate of the build
//! asks for its `std` feature. [`Portable`] goes to the `libm` crate always, and lets
//! `rand_distr`'s samplers run over it.

use std::num::FpCategory;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use num_traits::{Float, Num, NumCast, One, ToPrimitive, Zero};
use rand::Rng;
use rand::distr::{Distribution, StandardUniform};

use crate::stream::unit;

/// An `f64` with portable transcendental functions.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Portable(pub f64);

/// The natural logarithm, the same on every machine.
#[must_use]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// The cosine, the same on every machine.
#[must_use]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// `base` to the power `exponent`, the same on every machine.
#[must_use]
pub fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

impl Distribution<Portable> for StandardUniform {
    fn sample<R: Rng + ?Sized>(&self, mut rng: &mut R) -> Portable {
        Portable(unit(&mut rng))
    }
}

macro_rules! arithmetic {
    ($($operator:ident :: $method:ident),*) => {$(
        impl $operator for Portable {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                Self($operator::$method(self.0, other.0))
            }
        }
    )*};
}
arithmetic!(Add::add, Sub::sub, Mul::mul, Div::div, Rem::rem);

impl Neg for Portable {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Zero for Portable {
    fn zero() -> Self {
        Self(0.0)
    }
    fn is_zero(&self) -> bool {
        self.0 == 0.0
    }
}

impl One for Portable {
    fn one() -> Self {
        Self(1.0)
    }
}

impl Num for Portable {
    type FromStrRadixErr = <f64 as Num>::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(Self)
    }
}

impl ToPrimitive for Portable {
    fn to_i64(&self) -> Option<i64> {
        self.0.to_i64()
    }
    fn to_u64(&self) -> Option<u64> {
        self.0.to_u64()
    }
    fn to_f64(&self) -> Option<f64> {
        Some(self.0)
    }
}

impl NumCast for Portable {
    fn from<T: ToPrimitive>(n: T) -> Option<Self> {
        n.to_f64().map(Self)
    }
}

macro_rules! constants {
    ($($name:ident = $value:expr),* $(,)?) => {$(
        fn $name() -> Self { Self($value) }
    )*};
}
macro_rules! through_libm {
    ($($name:ident = $function:ident),* $(,)?) => {$(
        fn $name(self) -> Self { Self(libm::$function(self.0)) }
    )*};
}
macro_rules! two_through_libm {
    ($($name:ident = $function:ident),* $(,)?) => {$(
        fn $name(self, other: Self) -> Self { Self(libm::$function(self.0, other.0)) }
    )*};
}
macro_rules! exact {
    ($($name:ident -> $result:ty),* $(,)?) => {$(
        fn $name(self) -> $result { f64::$name(self.0) }
    )*};
}

impl Float for Portable {
    constants! {
        nan = f64::NAN, infinity = f64::INFINITY, neg_infinity = f64::NEG_INFINITY,
        neg_zero = -0.0, min_value = f64::MIN, min_positive_value = f64::MIN_POSITIVE,
        max_value = f64::MAX, epsilon = f64::EPSILON,
    }
    exact! {
        is_nan -> bool, is_infinite -> bool, is_finite -> bool, is_normal -> bool,
        is_sign_positive -> bool, is_sign_negative -> bool, classify -> FpCategory,
    }
    through_libm! {
        floor = floor, ceil = ceil, round = round, trunc = trunc, abs = fabs, sqrt = sqrt,
        exp = exp, exp2 = exp2, ln = log, log2 = log2, log10 = log10, cbrt = cbrt, sin = sin,
        cos = cos, tan = tan, asin = asin, acos = acos, atan = atan, exp_m1 = expm1,
        ln_1p = log1p, sinh = sinh, cosh = cosh, tanh = tanh, asinh = asinh, acosh = acosh,
        atanh = atanh,
    }
    two_through_libm! {
        powf = pow, max = fmax, min = fmin, abs_sub = fdim, hypot = hypot, atan2 = atan2,
    }
    fn fract(self) -> Self {
        self - self.trunc()
    }
    fn signum(self) -> Self {
        Self(self.0.signum())
    }
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(libm::fma(self.0, factor.0, addend.0))
    }
    fn recip(self) -> Self {
        Self(1.0 / self.0)
    }
    fn powi(self, exponent: i32) -> Self {
        Self(libm::pow(self.0, exponent.into()))
    }
    fn log(self, base: Self) -> Self {
        self.ln() / base.ln()
    }
    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }
    fn integer_decode(self) -> (u64, i16, i8) {
        self.0.integer_decode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bits() {
        // The system's routines may differ from these in the last bit, and from each other; here
        // e is one above the correctly rounded value.
        assert_eq!(ln(2.0).to_bits(), std::f64::consts::LN_2.to_bits());
        assert_eq!(ln(10.0).to_bits(), std::f64::consts::LN_10.to_bits());
        assert_eq!(pow(2.0, 0.5).to_bits(), std::f64::consts::SQRT_2.to_bits());
        assert_eq!(
            Portable(1.0).exp().0.to_bits(),
            std::f64::consts::E.to_bits() + 1
        );
    }

    #[test]
    fn agrees_with_the_system_within_rounding() {
        for i in 1..2000i32 {
            let x = i as f64 * 0.37;
            assert!((ln(x) - x.ln()).abs() <= 4.0 * f64::EPSILON * x.ln().abs().max(1.0));
            let p = pow(x, -0.99);
            assert!((p - x.powf(-0.99)).abs() <= 4.0 * f64::EPSILON * p);
        }
    }
}
