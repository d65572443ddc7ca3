# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "paris";
    pushTokenFile = "/etc/clavitor/environment";
    region = "eu-west-3";
    subdomain = "paris";
    tunnelAddress = "10.84.0.17";
  };
}
