// Seals and opens SFrame with cisco/sframe, for `sframe_test.ts`: a line in, a line out.
//
//     seal SUITE KID CTR BASE_KEY METADATA PLAINTEXT  ->  the frame, or an error
//     open SUITE KID BASE_KEY METADATA FRAME          ->  the plaintext, or an error
//
// Bytes are hexadecimal behind an `x`, so that none of them is a word too. An error is a `!` and a number.

#include <cstdint>
#include <iostream>
#include <sframe/sframe.h>
#include <sstream>
#include <string>
#include <vector>

using Bytes = std::vector<uint8_t>;

// The library counts by itself, from zero; a test wants to begin anywhere.
class Counted : public sframe::Context
{
public:
  using sframe::Context::Context;

  void count_from(sframe::KeyID kid, sframe::Counter counter)
  {
    keys.at(kid).counter = counter;
  }
};

static Bytes
from_hex(const std::string& text)
{
  Bytes bytes;
  for (size_t i = 1; i + 1 < text.size(); i += 2) {
    bytes.push_back(uint8_t(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

static std::string
to_hex(const sframe::output_bytes& bytes)
{
  static const char digits[] = "0123456789abcdef";
  std::string text = "x";
  for (const auto byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

static std::string
said(const sframe::SFrameError& error)
{
  return "!" + std::to_string(int(error.type()));
}

static std::string
answer(const std::string& line)
{
  std::istringstream words(line);
  std::string task, base, metadata, data;
  uint64_t suite = 0, kid = 0, counter = 0;
  words >> task >> suite >> kid;
  if (task == "seal") {
    words >> counter;
  }
  words >> base >> metadata >> data;

  const auto is_seal = task == "seal";
  const auto usage = is_seal ? sframe::KeyUsage::protect : sframe::KeyUsage::unprotect;
  Counted context{ sframe::CipherSuite(suite) };
  auto added = context.add_key(kid, usage, from_hex(base));
  if (added.is_err()) {
    return said(added.error());
  }
  if (is_seal) {
    context.count_from(kid, counter);
  }
  const auto in = from_hex(data);
  auto out = Bytes(in.size() + sframe::Context::max_overhead);
  auto result = is_seal ? context.protect(kid, out, in, from_hex(metadata))
                        : context.unprotect(out, in, from_hex(metadata));
  return result.is_err() ? said(result.error()) : to_hex(result.value());
}

int
main()
{
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << answer(line) << std::endl;
  }
}
