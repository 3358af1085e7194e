# What Foreman's safe mode lets a template do, as far as its syntax tells: which methods it calls on what Foreman hands out,
# which macros, and none of the constructs that safe mode refuses. Foreman itself checks with the gem `safemode`.

require 'ripper'

module SafeMode
  class Violation < StandardError; end

  # Macros that a template may call (Foreman::Renderer::Configuration), of which our templates and documents use these.
  MACROS = %i[
    snippet snippet_if_exists indent foreman_url foreman_server_ca_cert host_param host_param_true? log_warn preview?
    template_name to_json
  ].freeze

  # Methods of core classes that safe mode lists, of which ours use these, and what ERB itself calls.
  METHODS = %i[
    each empty? include? join length map match start_with? strip sub to_i to_s nil? == != < > <= >= + << [] -@ +@ ! freeze
    new force_encoding
  ].freeze

  # Nodes that safe mode refuses: constants, assignments to what is not a local variable, rescue, blocks by name, and so on.
  REFUSED = %i[
    begin defined def defs class module sclass rescue rescue_mod ensure retry redo return return0 super zsuper
    xstring_literal @gvar @backref @cvar @CHAR undef alias BEGIN END lambda field const_path_field top_const_ref
  ].freeze

  # host: what the objects that Foreman hands out have (their jails).
  def self.check(source, name, jailed)
    tree = Ripper.sexp(source) or raise Violation, "#{name}: it is no Ruby"
    walk(tree, name, METHODS + jailed)
  end

  def self.walk(node, name, methods)
    return unless node.is_a?(Array)

    kind = node.first
    refuse(name, kind) if REFUSED.include?(kind)
    case kind
    when :call
      refuse(name, 'the operator &.') if [:"&.", [:@op, '&.']].any? { |it| node[2] == it || node[2].is_a?(Array) && node[2][1] == '&.' }
      allow(name, node[3], methods)
    when :binary
      refuse(name, "the operator #{node[2]}") if %i[=~ !~].include?(node[2])
    when :fcall, :vcall, :command
      macro = node[1][1].to_sym
      refuse(name, "the call of #{macro}") unless MACROS.include?(macro)
    when :assign
      target = node[1][1]
      refuse(name, 'an assignment to other than a local variable') unless target.is_a?(Array) && target.first == :@ident
    when :var_ref
      # ERB makes its buffer with these two.
      refuse(name, "the constant #{node[1][1]}") if node[1][0] == :@const && !%w[String Encoding].include?(node[1][1])
    when :args_add_block
      refuse(name, 'a block that is handed on') if node[2].is_a?(Array)
    when :regexp_literal
      plain = node[1].all? { |part| part.is_a?(Array) && part.first == :@tstring_content }
      refuse(name, 'a regular expression with something inserted') unless plain
    end
    node.each { |child| walk(child, name, methods) }
  end

  def self.allow(name, word, methods)
    method = word[1].to_sym
    refuse(name, "the method #{method}") unless methods.include?(method)
  end

  def self.refuse(name, what)
    raise Violation, "#{name}: safe mode does not let a template use #{what}"
  end
end
